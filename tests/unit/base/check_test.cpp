// Both kinds of error: what they say, where, and that a check is an expression of its own.
#include "cheri/base/check.hpp"
#include "support/messages.hpp"

#include <gtest/gtest.h>

#include <string>

namespace cheri {
namespace {

using cheri::testing::message_of;
using cheri::testing::says;

TEST(Check, NamesPlaceMessageAndCondition) {
  const int n = -3;
  const int line = __LINE__ + 1;
  const std::string message = message_of<Error>([&] { CHERI_REQUIRE(n > 0, "n must be positive, and is " << n); });
  const std::string place = "check_test.cpp:" + std::to_string(line) + ": ";
  EXPECT_TRUE(says(message, {place + "n must be positive, and is -3 (n > 0 does not hold)"}));
}

TEST(Check, OfInputSaysItsMessageAlone) {
  EXPECT_EQ(message_of<InputError>([] { CHERI_REQUIRE_INPUT(1 > 2, "a.h5: the value is " << 1); }), "a.h5: the value is 1");
}

TEST(Check, KindsOfErrorsAreTold) {
  EXPECT_THROW(CHERI_REQUIRE_INPUT(false, ""), InputError);
  EXPECT_THROW(CHERI_REQUIRE_INPUT(false, ""), Error);
  try {
    CHERI_REQUIRE(false, "ours");
    FAIL() << "accepted";
  } catch (const InputError&) {
    FAIL() << "our own error is not the user's";
  } catch (const Error&) {
  }
}

TEST(Check, EvaluatesTheConditionOnceAndTheMessageOnlyOnFailure) {
  int conditions = 0, messages = 0;
  const auto message = [&] { return ++messages; };
  CHERI_REQUIRE(++conditions == 1, message());
  CHERI_REQUIRE_INPUT(++conditions == 2, message());
  EXPECT_EQ(conditions, 2);
  EXPECT_EQ(messages, 0);
}

TEST(Check, IsOneStatement) {
  // Of an if without braces the else belongs to that if.
  bool other = false;
  if (other) CHERI_REQUIRE(false, "not reached");
  else other = true;
  EXPECT_TRUE(other);
}

}   // namespace
}   // namespace cheri
