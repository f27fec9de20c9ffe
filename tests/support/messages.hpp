// What an error says: a test expects it to name the file and the value.
#pragma once

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>

namespace cheri::testing {

/// The message of the exception of type E (or derived) which `call` throws; empty if it throws none.
template <class E, class Call>
std::string message_of(const Call& call) {
  try {
    call();
  } catch (const E& error) {
    return error.what();
  }
  return "";
}

/// Whether a message holds every one of the parts.
inline ::testing::AssertionResult says(const std::string& message, std::initializer_list<std::string> parts) {
  for (const std::string& part : parts) {
    if (message.find(part) == std::string::npos) {
      return ::testing::AssertionFailure() << "\"" << message << "\" does not say \"" << part << '"';
    }
  }
  return ::testing::AssertionSuccess();
}

}   // namespace cheri::testing
