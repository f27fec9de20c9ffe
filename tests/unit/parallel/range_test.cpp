#include "cheri/parallel/communicator.hpp"

#include <gtest/gtest.h>

namespace cheri::parallel {
namespace {

TEST(RangeOfRank, PartsAreContiguousAndDifferByOneAtMost) {
  for (const std::int64_t n : {0, 1, 3, 4, 7, 8, 1000, 1001}) {
    for (const int n_ranks : {1, 2, 3, 4, 7, 16}) {
      std::int64_t end = 0;
      for (int rank = 0; rank < n_ranks; ++rank) {
        const Range range = range_of_rank(n, rank, n_ranks);
        EXPECT_EQ(range.begin, end);
        EXPECT_GE(range.size(), n / n_ranks);
        EXPECT_LE(range.size(), (n + n_ranks - 1) / n_ranks);
        end = range.end;
      }
      EXPECT_EQ(end, n);
    }
  }
}

TEST(RangeOfRank, EarlierPartsAreLonger) {
  EXPECT_EQ(range_of_rank(7, 0, 4).size(), 2);
  EXPECT_EQ(range_of_rank(7, 2, 4).size(), 2);
  EXPECT_EQ(range_of_rank(7, 3, 4).size(), 1);
}

TEST(RangeOfRank, WorksBeyondThirtyTwoBits) {
  const std::int64_t n = std::int64_t{3} << 40;
  EXPECT_EQ(range_of_rank(n, 2, 3).begin, std::int64_t{2} << 40);
}

TEST(RangeOfRank, RejectsARankOutsideTheRun) {
  EXPECT_THROW((void)range_of_rank(10, 4, 4), Error);
  EXPECT_THROW((void)range_of_rank(10, -1, 4), Error);
  EXPECT_THROW((void)range_of_rank(-1, 0, 4), Error);
}

}   // namespace
}   // namespace cheri::parallel
