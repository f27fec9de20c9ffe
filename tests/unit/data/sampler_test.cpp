// The epoch order against values made with numpy's RandomState (spec.md, Data).
#include "cheri/data/sampler.hpp"

#include <gtest/gtest.h>
#include <zlib.h>
#include <numeric>

namespace cheri::data {
namespace {

std::uint32_t crc(const std::vector<std::int64_t>& values) {
  return static_cast<std::uint32_t>(
      crc32(0, reinterpret_cast<const Bytef*>(values.data()), static_cast<uInt>(values.size() * sizeof(std::int64_t))));
}

std::int64_t sum(const std::vector<std::int64_t>& values) {
  return std::accumulate(values.begin(), values.end(), std::int64_t{0});
}

TEST(Sampler, FirstEpochIsNumpys) {
  const EpochDraws draws = epoch_draws({0, 1000, 333, 0.25, 500, true}, 0);
  const std::vector<std::int64_t> expected = {902, 364, 758, 554, 644, 1000, 745, 399, 956, 384, 167, 0, 518, 755, 0};
  EXPECT_EQ(std::vector<std::int64_t>(draws.jitter.begin() + 940, draws.jitter.begin() + 955), expected);
  EXPECT_EQ(sum(draws.source), 539539);
  EXPECT_EQ(sum(draws.jitter), 501356);
  EXPECT_EQ(sum(draws.reverse_complement), 625);
  EXPECT_EQ(crc(draws.label), 0xd85dd994u);
  EXPECT_EQ(crc(draws.source), 0x2cffeabdu);
  EXPECT_EQ(crc(draws.jitter), 0x7932ab15u);
  EXPECT_EQ(crc(draws.reverse_complement), 0x6a3a7a6au);
}

TEST(Sampler, LaterEpochOfAnotherSeedIsNumpys) {
  const EpochDraws draws = epoch_draws({7, 20000, 6666, 0.25, 500, true}, 1);
  EXPECT_EQ(crc(draws.label), 0xe8af0209u);
  EXPECT_EQ(crc(draws.source), 0x51622ad0u);
  EXPECT_EQ(crc(draws.jitter), 0x4f06a1cbu);
  EXPECT_EQ(crc(draws.reverse_complement), 0xc7fa9a13u);
}

TEST(Sampler, NegativesFollowPeaksAndAreCentred) {
  const std::vector<Draw> order = epoch_order({3, 40, 10, 0.25, 100, true}, 0);
  ASSERT_EQ(order.size(), 50u);
  int negatives = 0;
  for (const Draw& draw : order) {
    EXPECT_LT(draw.example, 50);
    EXPECT_LE(draw.offset, 200);
    if (draw.example < 40) continue;
    EXPECT_EQ(draw.offset, 100);
    ++negatives;
  }
  EXPECT_EQ(negatives, 10);
}

TEST(Sampler, WithoutNegativesOnlyPeaks) {
  const std::vector<Draw> order = epoch_order({0, 8, 0, 0.25, 0, false}, 0);
  ASSERT_EQ(order.size(), 8u);
  for (const Draw& draw : order) {
    EXPECT_LT(draw.example, 8);
    EXPECT_EQ(draw.offset, 0);
    EXPECT_EQ(draw.reverse_complement, 0);
  }
}

TEST(Sampler, EpochsDiffer) {
  EXPECT_NE(crc(epoch_draws({0, 100, 30, 0.25, 5, true}, 0).source),
            crc(epoch_draws({0, 100, 30, 0.25, 5, true}, 1).source));
}

}   // namespace
}   // namespace cheri::data
