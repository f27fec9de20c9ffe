// A rank that others wait for in vain is named.
#include "cheri/parallel/communicator.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>

namespace cheri::parallel {
namespace {

constexpr double timeout = 0.5;

void rest(double seconds) { std::this_thread::sleep_for(std::chrono::duration<double>(seconds)); }

bool never() { return false; }

/// What the others say of a rank that does not come; the empty text on that rank.
std::string complaint_about(int hanging, const Communicator& world) {
  if (world.rank() == hanging) return "";
  try {
    world.wait_until(never, "a test");
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing was said";
}

std::string begin_of_complaint(int hanging) {
  return "waited 0.5 s (parallel.timeout_seconds) for rank " + std::to_string(hanging) + ", hanging or that late";
}

TEST(Patience, TheRankThatDoesNotComeIsNamed) {
  const Communicator world = Communicator::world(timeout), meeting = Communicator::world();
  if (world.size() == 1) GTEST_SKIP() << "one rank waits for nobody";
  const int hanging = world.size() - 1;
  const std::string said = complaint_about(hanging, world);
  meeting.barrier();
  if (world.rank() == hanging) return;
  EXPECT_EQ(said.find(begin_of_complaint(hanging)), 0U) << said;
  const std::string who_waits = world.size() == 2 ? "; rank 0 waits in a test" : "; ranks 0, 1 and 2 wait in a test";
  EXPECT_NE(said.find(who_waits), std::string::npos) << said;
}

// A rank that has said that it waits, and goes on, is no longer one that waits.
TEST(Patience, OneThatHasWaitedBeforeIsNamed) {
  const Communicator world = Communicator::world(timeout), meeting = Communicator::world();
  if (world.size() == 1) GTEST_SKIP() << "one rank waits for nobody";
  if (world.rank() == world.size() - 1) rest(0.8 * timeout);
  world.barrier();
  const std::string said = complaint_about(0, world);
  meeting.barrier();
  if (world.rank() != 0) {
    EXPECT_EQ(said.find(begin_of_complaint(0)), 0U) << said;
  }
}

TEST(Patience, AllThatWaitAreSaidToWait) {
  const Communicator world = Communicator::world(timeout), meeting = Communicator::world();
  if (world.size() == 1) GTEST_SKIP() << "one rank waits for nobody";
  std::string said;
  try {
    world.wait_until(never, world.root() ? "one place" : "another");
  } catch (const Error& error) {
    said = error.what();
  }
  meeting.barrier();
  EXPECT_NE(said.find("for other ranks, which all wait too; "), std::string::npos) << said;
  EXPECT_NE(said.find("rank 0 waits in one place"), std::string::npos) << said;
}

TEST(Patience, AWaitWithoutALimitTakesItsTime) {
  const Communicator world = Communicator::world(timeout);
  if (world.root()) rest(2 * timeout);
  EXPECT_NO_THROW(world.barrier(Limit::none));
  EXPECT_NO_THROW(world.barrier());
}

TEST(Patience, WithoutATimeoutNobodyIsMissed) {
  const Communicator world = Communicator::world();
  if (world.root()) rest(timeout);
  EXPECT_NO_THROW(world.barrier());
}

}   // namespace
}   // namespace cheri::parallel
