#include "cheri/parallel/communicator.hpp"
#include "cheri/parallel/placement.hpp"

#include <gtest/gtest.h>

#include <sched.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

namespace cheri::parallel {
namespace {

std::vector<std::byte> pattern(std::size_t size) {
  std::vector<std::byte> bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i * 31 + i / 251);
  return bytes;
}

TEST(Communicator, KnowsItsRanks) {
  const Communicator world = Communicator::world();
  int size = 0;
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  EXPECT_EQ(world.size(), size);
  EXPECT_EQ(world.root(), world.rank() == 0);
}

TEST(Communicator, SplitsByNumber) {
  const Communicator world = Communicator::world();
  for (const int n : {1, 2, 3}) {
    const Communicator part = world.split(world.rank() / n);
    const int first = world.rank() / n * n;
    EXPECT_EQ(part.rank(), world.rank() - first);
    EXPECT_EQ(part.size(), std::min(n, world.size() - first));
  }
}

TEST(Communicator, GathersTextsOfAnyLength) {
  const Communicator world = Communicator::world();
  const std::string mine(static_cast<std::size_t>(world.rank()), 'x');   // rank 0: none
  const std::vector<std::string> all = world.gather_all(mine);
  ASSERT_EQ(all.size(), static_cast<std::size_t>(world.size()));
  for (std::size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i], std::string(i, 'x'));
}

TEST(Placement, RanksOfOneNodeAreCounted) {
  const Communicator world = Communicator::world();   // the tests run on one machine
  EXPECT_EQ(local_rank(world), world.rank());
  const std::vector<Placement> ranks = placements(world);
  ASSERT_EQ(ranks.size(), static_cast<std::size_t>(world.size()));
  for (const Placement& rank : ranks) {
    EXPECT_EQ(rank.node, ranks.front().node);
    EXPECT_FALSE(rank.cores.empty());
    EXPECT_GE(rank.threads, 1);
  }
}

/// Lets this thread run on one core, or on those of before.
class Binding {
 public:
  Binding() { sched_getaffinity(0, sizeof(m_before), &m_before); }
  ~Binding() { sched_setaffinity(0, sizeof(m_before), &m_before); }
  Binding(const Binding&) = delete;
  Binding& operator=(const Binding&) = delete;

  [[nodiscard]] int cores() const { return CPU_COUNT(&m_before); }
  void to_the_first_core() const {
    cpu_set_t set;
    CPU_ZERO(&set);
    int core = 0;
    while (!CPU_ISSET(core, &m_before)) ++core;
    CPU_SET(core, &set);
    sched_setaffinity(0, sizeof(set), &set);
  }

 private:
  cpu_set_t m_before{};
};

TEST(Placement, RanksShareTheCoresOfTheirNode) {
  const Communicator world = Communicator::world();
  const Binding binding;
  // mpiexec may have bound the ranks, each to a core or all to the same ones.
  const int threads = threads_of_rank(world);
  EXPECT_GE(threads, std::max(1, binding.cores() / world.size()));
  EXPECT_LE(threads, binding.cores());
  // Rank 0 on one core; where it had no other, nothing is different.
  if (world.root()) binding.to_the_first_core();
  const int now = threads_of_rank(world);
  if (world.root()) {
    EXPECT_EQ(now, 1);
  } else {
    EXPECT_GE(now, threads);
  }
}

TEST(Communicator, BroadcastsBytesOfAnyLength) {
  const Communicator world = Communicator::world();
  for (const std::size_t size : {0u, 1u, 1000u, 70'000'000u}) {   // the last in three messages
    std::vector<std::byte> bytes = world.root() ? pattern(size) : pattern(17);
    world.broadcast(bytes);
    EXPECT_EQ(bytes, pattern(size)) << size << " bytes";
  }
}

TEST(Communicator, SendsBytesOfAnyLengthInOrder) {
  const Communicator world = Communicator::world();
  const std::vector<std::size_t> sizes = {0, 5, 70'000'000, 0, 1000};   // one in three messages
  for (const std::size_t size : sizes) {
    if (!world.root()) world.send(0, pattern(size + static_cast<std::size_t>(world.rank())));
    for (int rank = 1; world.root() && rank < world.size(); ++rank) {
      EXPECT_EQ(world.receive(rank), pattern(size + static_cast<std::size_t>(rank))) << size << " bytes";
    }
  }
}

// Either side comes later than the timeout.
TEST(Communicator, SendsWithoutALimit) {
  const Communicator world = Communicator::world(0.2);
  const auto rest = [] { std::this_thread::sleep_for(std::chrono::milliseconds(500)); };
  if (world.size() == 1) GTEST_SKIP() << "one rank sends to nobody";
  if (world.rank() == 0) {
    rest();
    EXPECT_EQ(world.receive(1), pattern(1'000'000));
    EXPECT_EQ(world.receive(1), pattern(17));
  } else if (world.rank() == 1) {
    world.send(0, pattern(1'000'000));
    rest();
    world.send(0, pattern(17));
  }
}

TEST(Communicator, BroadcastsTextAndNumbers) {
  const Communicator world = Communicator::world();
  std::string text =
      world.root() ? std::string("deck\0with a zero", 16) : "a much longer text than the root's, to be replaced";
  world.broadcast(text);
  EXPECT_EQ(text, std::string("deck\0with a zero", 16));
  EXPECT_EQ(world.broadcast(std::int64_t{1} << (40 + world.rank())), std::int64_t{1} << 40);
}

TEST(Communicator, GathersValuesInRankOrder) {
  const Communicator world = Communicator::world();
  // Rank r holds r values (so rank 0 holds none): 100 r, 100 r + 1, ...
  std::vector<double> mine;
  std::vector<double> expected;
  for (int rank = 0; rank < world.size(); ++rank) {
    for (int i = 0; i < rank; ++i) {
      expected.push_back(100 * rank + i);
      if (rank == world.rank()) mine.push_back(expected.back());
    }
  }
  EXPECT_EQ(world.gather_all(mine), expected);
  const std::vector<float> as_float(mine.begin(), mine.end());
  EXPECT_EQ(world.gather_all(as_float), std::vector<float>(expected.begin(), expected.end()));
}

TEST(Communicator, TakesTheLargestValue) {
  const Communicator world = Communicator::world();
  EXPECT_EQ(world.max(-5.0 - world.rank()), -5.0);
  EXPECT_EQ(world.max(world.rank() == world.size() - 1 ? 1 : 0), 1);
}

TEST(Communicator, MovesLeaveOneOwner) {
  Communicator first = Communicator::world();
  Communicator second = std::move(first);
  EXPECT_EQ(first.handle(), MPI_COMM_NULL);   // NOLINT(bugprone-use-after-move): this is what is tested
  first = Communicator::world();
  second = std::move(first);
  second.barrier();
  EXPECT_EQ(second.max(second.rank()), second.size() - 1);
}

TEST(Communicator, AcceptsEqualValues) {
  const Communicator world = Communicator::world();
  EXPECT_NO_THROW(world.require_equal("the deck", "seed = 1\nname = \"x\"\n"));
  EXPECT_NO_THROW(world.require_equal("nothing", ""));
}

TEST(Communicator, NamesTheFirstRankThatDiffersOnAllRanks) {
  const Communicator world = Communicator::world();
  if (world.size() == 1) GTEST_SKIP() << "one rank cannot differ";
  const int odd_one = world.size() - 1;
  const std::string value = world.rank() == odd_one ? "name = \"x\"\nseed = 2\n" : "name = \"x\"\nseed = 1\nmore\n";
  try {
    world.require_equal("the deck", value);
    FAIL() << "rank " << world.rank() << " did not notice";
  } catch (const InputError& error) {
    const std::string rank = std::to_string(odd_one);
    EXPECT_EQ(std::string(error.what()),
              "the deck must be the same on every rank: rank 0 has \"seed = 1\", rank " + rank + " has \"seed = 2\"");
  }
}

TEST(Communicator, TurnsErrorCodesIntoErrors) {
  const Communicator world = Communicator::world();
  int value = 0;
  try {
    CHERI_MPI_CHECK(MPI_Bcast(&value, 1, MPI_INT, world.size(), world.handle()));   // there is no such root
    FAIL() << "an impossible root was accepted";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("MPI_ERR_ROOT"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("MPI_Bcast"), std::string::npos) << error.what();
  }
}

}   // namespace
}   // namespace cheri::parallel
