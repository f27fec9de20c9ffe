#include "cheri/parallel/shared_memory.hpp"

#include <gtest/gtest.h>

namespace cheri::parallel {
namespace {

TEST(SharedMemory, IsOneBlockForAllRanksOfANode) {
  const Communicator world = Communicator::world();   // the tests run on one machine
  constexpr std::size_t share = 1001;
  const auto ranks = static_cast<std::size_t>(world.size());
  const SharedMemory memory(world, ranks * share);
  EXPECT_EQ(memory.rank(), world.rank());
  EXPECT_EQ(memory.size(), world.size());
  EXPECT_EQ(ranks_of_node(world), world.size());
  for (int turn = 0; turn < 3; ++turn) {
    const auto value = [=](std::size_t rank) { return static_cast<std::byte>(10 * turn + static_cast<int>(rank) + 1); };
    const auto mine = static_cast<std::size_t>(world.rank());
    std::fill_n(memory.data() + mine * share, share, value(mine));
    memory.publish();
    for (std::size_t rank = 0; rank < ranks; ++rank) {
      EXPECT_EQ(memory.data()[rank * share], value(rank));
      EXPECT_EQ(memory.data()[rank * share + share - 1], value(rank));
    }
    memory.publish();   // all have read
  }
}

TEST(SharedMemory, MayBeEmpty) {
  const Communicator world = Communicator::world();
  EXPECT_NO_THROW(SharedMemory(world, 0));
}

}   // namespace
}   // namespace cheri::parallel
