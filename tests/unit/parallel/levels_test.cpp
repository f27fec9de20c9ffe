// Which placements of ranks make two levels.
#include "cheri/parallel/levels.hpp"

#include <gtest/gtest.h>

namespace cheri::parallel {
namespace {

TEST(Levels, NodesOfAsManyRanksInOrder) {
  EXPECT_EQ(even_ranks_of_node({0}), 1);
  EXPECT_EQ(even_ranks_of_node({0, 0, 0, 0}), 4);
  EXPECT_EQ(even_ranks_of_node({0, 0, 2, 2}), 2);
  EXPECT_EQ(even_ranks_of_node({7, 7, 7, 1, 1, 1, 4, 4, 4}), 3);
  EXPECT_EQ(even_ranks_of_node({0, 1, 2, 3}), 1);
}

TEST(Levels, OtherPlacementsHaveOne) {
  EXPECT_EQ(even_ranks_of_node({0, 1, 0, 1}), 0);   // dealt round
  EXPECT_EQ(even_ranks_of_node({0, 0, 0, 3}), 0);   // uneven
  EXPECT_EQ(even_ranks_of_node({0, 0, 2, 2, 2, 2}), 0);
  EXPECT_EQ(even_ranks_of_node({0, 1, 1, 3}), 0);
  EXPECT_EQ(even_ranks_of_node({0, 0, 2, 0, 0, 2}), 0);
}

}   // namespace
}   // namespace cheri::parallel
