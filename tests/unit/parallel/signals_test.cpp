#include "cheri/parallel/signals.hpp"
#include "cheri/base/check.hpp"

#include <gtest/gtest.h>

#include <csignal>

namespace cheri::parallel {
namespace {

struct sigaction current_action(int signal) {
  struct sigaction action {};
  EXPECT_EQ(sigaction(signal, nullptr, &action), 0);
  return action;
}

TEST(StopSignals, AreQuietUntilOneComes) {
  const StopSignals stop;
  EXPECT_FALSE(stop.requested());
  EXPECT_EQ(stop.received(), 0);
}

class EachSignal : public ::testing::TestWithParam<int> {};

TEST_P(EachSignal, SetsTheFlagAndTheProcessLives) {
  const StopSignals stop;
  std::raise(GetParam());
  EXPECT_TRUE(stop.requested());
  EXPECT_EQ(stop.received(), GetParam());
}

TEST_P(EachSignal, HasItsFormerHandlerBackAfterwards) {
  const auto before = current_action(GetParam()).sa_handler;
  {
    const StopSignals stop;
    EXPECT_NE(current_action(GetParam()).sa_handler, before);
  }
  EXPECT_EQ(current_action(GetParam()).sa_handler, before);
}

INSTANTIATE_TEST_SUITE_P(StopSignals, EachSignal, ::testing::Values(SIGTERM, SIGINT, SIGUSR1));

TEST(StopSignals, ForgetWhatCameInAnEarlierLife) {
  {
    const StopSignals stop;
    std::raise(SIGINT);
  }
  const StopSignals stop;
  EXPECT_FALSE(stop.requested());
  std::raise(SIGINT);   // the first of this life: the process must survive it
  EXPECT_EQ(stop.received(), SIGINT);
}

TEST(StopSignals, TerminationMayComeTwice) {
  const StopSignals stop;
  std::raise(SIGTERM);
  std::raise(SIGTERM);
  std::raise(SIGINT);
  EXPECT_EQ(stop.received(), SIGINT);
}

TEST(StopSignals, LiveOneAtATime) {
  const StopSignals stop;
  EXPECT_THROW(StopSignals{}, Error);
  std::raise(SIGTERM);
  EXPECT_TRUE(stop.requested());
}

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define CHERI_SIGNALS_ARE_LATE   // the thread sanitizer keeps them until the process waits
#endif
#endif

TEST(StopSignalsDeathTest, ASecondInterruptEndsTheProcess) {
#if defined(CHERI_SIGNALS_ARE_LATE)
  GTEST_SKIP() << "NOT TESTED under the thread sanitizer";
#endif
  EXPECT_EXIT(
      {
        const StopSignals stop;
        std::raise(SIGINT);
        std::raise(SIGINT);
      },
      ::testing::KilledBySignal(SIGINT), "");
}

}   // namespace
}   // namespace cheri::parallel
