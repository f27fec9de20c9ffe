// Errors and checks. Two kinds of error exist:
//   InputError  the user's file, deck or argument is wrong: the message names it, its value and what would be right;
//   Error       everything else that goes wrong, with the place in the source; or, where the disk, the system or another
//               rank is at fault, so that trying again may help, with the system's reason.
// Both are caught once, in main, which prints them with the rank and ends every rank.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

namespace cheri {

class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class InputError : public Error {
 public:
  using Error::Error;
};

/// Throws Error("<file>:<line>: <message> (<condition> does not hold)").
[[noreturn]] void fail(const char* condition, const char* file, int line, const std::string& message);

/// Throws Error("<what>: <the system's reason>") for the system call that has just failed and set errno.
[[noreturn]] void fail_by_system(const std::string& what);

}   // namespace cheri

/// Always on. The message is streamed: CHERI_REQUIRE(n > 0, "n must be positive, and is " << n).
#define CHERI_REQUIRE(condition, message)                                 \
  do {                                                                    \
    if (!(condition)) {                                                   \
      std::ostringstream cheri_message;                                   \
      cheri_message << message;                                           \
      ::cheri::fail(#condition, __FILE__, __LINE__, cheri_message.str()); \
    }                                                                     \
  } while (false)

/// The same for what a user has given: throws InputError with the message alone.
#define CHERI_REQUIRE_INPUT(condition, message)       \
  do {                                                \
    if (!(condition)) {                               \
      std::ostringstream cheri_message;               \
      cheri_message << message;                       \
      throw ::cheri::InputError(cheri_message.str()); \
    }                                                 \
  } while (false)
