#include "data/negatives.hpp"
#include "cheri/base/check.hpp"
#include "cheri/base/random.hpp"
#include "support/messages.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

namespace cheri::data {
namespace {

using cheri::testing::message_of;
using cheri::testing::says;

// ---- intervals ---------------------------------------------------------------------------------------------------------

// Random intervals on 200 positions, against a flag for each position.
TEST(IntervalSet, AgreesWithOneFlagAPosition) {
  NumpyRandom random(3);
  for (int round = 0; round < 50; ++round) {
    IntervalSet set;
    std::array<bool, 200> covered{};
    for (int i = 0; i < 12; ++i) {
      const std::int64_t start = random.interval(180), end = start + 1 + random.interval(19);
      set.add({7, start, end, -1});
      for (std::int64_t p = start; p < end; ++p) covered[static_cast<std::size_t>(p)] = true;
    }
    for (int i = 0; i < 200; ++i) {
      const std::int64_t start = random.interval(190), end = start + 1 + random.interval(9);
      const bool expected = std::any_of(covered.begin() + start, covered.begin() + end, [](bool c) { return c; });
      EXPECT_EQ(set.overlaps(7, start, end), expected) << "round " << round << ": [" << start << ", " << end << ")";
      EXPECT_FALSE(set.overlaps(6, start, end));
    }
  }
}

// ---- negatives ---------------------------------------------------------------------------------------------------------

constexpr std::int32_t chromosome = 2;

/// A sequence whose GC content goes from 0.2 to 0.6 and back every 20000 positions.
std::vector<Code> wavy_sequence(std::size_t length, NumpyRandom& random) {
  std::vector<Code> codes(length);
  for (std::size_t p = 0; p < length; ++p) {
    const auto phase = static_cast<std::uint32_t>(p % 20000 / 100);   // 0..199
    const std::uint32_t gc_percent = 20 + (phase < 100 ? phase : 200 - phase) * 40 / 100;
    codes[p] = static_cast<Code>(random.interval(99) < gc_percent ? 1 + random.interval(1) : 3 * random.interval(1));
  }
  return codes;
}

double gc_of(const std::vector<Code>& codes, std::int64_t start, std::int64_t end) {
  const auto n = std::count_if(codes.begin() + start, codes.begin() + end, [](Code c) { return c == 1 || c == 2; });
  return static_cast<double>(n) / static_cast<double>(end - start);
}

class NegativesTest : public ::testing::Test {
 protected:
  NegativesTest() {
    NumpyRandom random(11);
    codes = wavy_sequence(1'000'000, random);
    for (std::int64_t p = 300'000; p < 310'000; ++p) codes[static_cast<std::size_t>(p)] = 4;
    // Peaks where GC is high, on one side of the crests at 10000, 30000, ...; the other side has room for negatives.
    for (std::int64_t crest = 10'000; crest < 1'000'000; crest += 20'000) {
      const std::int64_t start = crest + 1000 + random.interval(3000);
      peaks.push_back({chromosome, start, start + 200, -1});
    }
    for (const Locus& peak : peaks) avoid.add(peak);
  }

  [[nodiscard]] Negatives draw(const NegativesSpec& with) const {
    return draw_negatives(with, chromosome, codes, peaks, avoid);
  }

  std::vector<Code> codes;
  std::vector<Locus> peaks;
  IntervalSet avoid;
  NegativesSpec spec{1000, 2.0, 5};
};

TEST_F(NegativesTest, AreDisjointAndKeepAwayFromPeaksAndUnknownBases) {
  avoid.add({chromosome, 400'000, 500'000, -1});
  const Negatives drawn = draw(spec);
  EXPECT_EQ(drawn.wanted, 100);
  EXPECT_EQ(drawn.loci.size(), 100U);
  std::int64_t last_end = 0;
  for (const Locus& locus : drawn.loci) {
    EXPECT_EQ(locus.chromosome, chromosome);
    EXPECT_EQ(locus.end - locus.start, 1000);
    EXPECT_EQ(locus.summit, -1);
    EXPECT_GE(locus.start, last_end);
    EXPECT_FALSE(avoid.overlaps(chromosome, locus.start, locus.end)) << locus.start;
    EXPECT_EQ(std::count(codes.begin() + locus.start, codes.begin() + locus.end, Code{4}), 0) << locus.start;
    last_end = locus.end;
  }
  EXPECT_LE(last_end, static_cast<std::int64_t>(codes.size()));
}

// A bin is 0.02 wide and half the negatives' windows would have less than 0.4: matched quantiles agree within 1.5 bins.
TEST_F(NegativesTest, MatchTheGcOfThePeaks) {
  const Negatives drawn = draw(spec);
  std::vector<double> peak_gc, negative_gc;
  for (const Locus& peak : peaks) {
    for (int i = 0; i < 2; ++i) peak_gc.push_back(gc_of(codes, peak.centre(false) - 500, peak.centre(false) + 500));
  }
  for (const Locus& locus : drawn.loci) negative_gc.push_back(gc_of(codes, locus.start, locus.end));
  std::sort(peak_gc.begin(), peak_gc.end());
  std::sort(negative_gc.begin(), negative_gc.end());
  ASSERT_EQ(negative_gc.size(), peak_gc.size());
  EXPECT_GT(peak_gc[peak_gc.size() / 10], 0.44);   // far from the genome's mean of 0.4
  for (std::size_t i = 0; i < peak_gc.size(); ++i) EXPECT_NEAR(negative_gc[i], peak_gc[i], 0.03) << i;
}

TEST_F(NegativesTest, DependOnTheSeedAlone) {
  EXPECT_EQ(draw(spec).loci, draw(spec).loci);
  NegativesSpec other = spec;
  other.seed += std::uint64_t{1} << 32;
  EXPECT_NE(draw(spec).loci, draw(other).loci);
}

TEST_F(NegativesTest, RoundTheNumberOverAllBins) {
  spec.per_peak = 0.25;   // 50 peaks: 12.5, rounded up
  EXPECT_EQ(draw(spec).wanted, 13);
  spec.per_peak = 0;
  EXPECT_EQ(draw(spec).loci.size(), 0U);
}

TEST_F(NegativesTest, TellHowManyWereWantedWhereThereIsNoRoom) {
  spec.per_peak = 100;
  const Negatives drawn = draw(spec);
  EXPECT_EQ(drawn.wanted, 5000);
  EXPECT_LT(drawn.loci.size(), 1000U);
  EXPECT_GT(drawn.loci.size(), 100U);
  spec.window = 2'000'000;
  EXPECT_EQ(draw(spec).loci.size(), 0U);
}

TEST_F(NegativesTest, RefuseImpossibleSpecs) {
  spec.window = 0;
  EXPECT_TRUE(says(message_of<InputError>([&] { static_cast<void>(draw(spec)); }), {"window", "0"}));
  spec = {1000, -1.0, 0};
  EXPECT_TRUE(says(message_of<InputError>([&] { static_cast<void>(draw(spec)); }), {"-1"}));
}

}   // namespace
}   // namespace cheri::data
