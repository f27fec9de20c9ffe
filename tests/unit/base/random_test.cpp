// numpy's legacy generator against values of numpy 2.4 (RandomState), Philox against the known answers that come with
// Random123, and the counter-based normals against 200-bit arithmetic (mpmath).
#include "cheri/base/random.hpp"
#include "cheri/base/check.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <string>

namespace cheri {
namespace {

using Integers = std::vector<std::int64_t>;

// ---- numpy -------------------------------------------------------------------------------------------------------------

TEST(NumpyRandomTest, DrawsTheBitsOfMt19937) {
  struct Known {
    std::uint32_t seed;
    std::vector<std::uint32_t> bits;   ///< draws 0, 1, 2, then the two around the first refill, then one after the third
  };
  const std::vector<Known> known = {{0u, {0x8c7f0aac, 0x97c4aa2f, 0xb716a675, 0xe2031ce4, 0x145b8f3a, 0xe5e070b5}},
                                    {42u, {0x5fe1dc66, 0xcbea3db3, 0xf362035c, 0x40386559, 0x067d62e4, 0x8573f5f0}},
                                    {4294967295u, {0x18fe69a3, 0x1c924122, 0xe991ec0c, 0x3d380f30, 0xe61ce0ed, 0x690a246d}}};
  for (const auto& [seed, bits] : known) {
    NumpyRandom random(seed);
    std::vector<std::uint32_t> drawn;
    for (int i = 0; i < 2000; ++i) drawn.push_back(random.next());
    EXPECT_EQ((std::vector<std::uint32_t>{drawn[0], drawn[1], drawn[2], drawn[623], drawn[624], drawn[1999]}), bits) << seed;
  }
}

// One stream for all calls, so that each must also draw as often as numpy does.
TEST(NumpyRandomTest, PermutesAndDrawsAsNumpy) {
  NumpyRandom random(5);
  EXPECT_EQ(random.permutation(12), (Integers{7, 5, 2, 9, 11, 4, 8, 1, 0, 10, 6, 3}));
  EXPECT_EQ(random.integers(1, 8), Integers(8, 0));
  EXPECT_EQ(random.integers(2, 8), (Integers{1, 0, 1, 1, 1, 1, 0, 1}));
  EXPECT_EQ(random.integers(7, 8), (Integers{4, 5, 3, 1, 6, 4, 6, 5}));
  EXPECT_EQ(random.integers(65537, 8), (Integers{16761, 16009, 16425, 40937, 62910, 47314, 41934, 24425}));
  EXPECT_EQ(random.integers(std::int64_t{1} << 32, 8),
            (Integers{4140050099, 2410924571, 4124142367, 388903682, 809234756, 4277739814, 104395881, 2050424787}));
  std::string word;
  for (const char letter : random.permutation(std::vector<char>{'a', 'b', 'c', 'd', 'e', 'f', 'g'})) word += letter;
  EXPECT_EQ(word, "gfaebcd");
  for (const char letter : random.permutation(std::vector<char>{'a', 'b', 'c', 'd', 'e', 'f', 'g'})) word += letter;
  EXPECT_EQ(word, "gfaebcdcbaegdf");
  EXPECT_EQ(random.next(), 0xecf6f8b7u);
}

TEST(NumpyRandomTest, PermutesManyAsNumpy) {
  NumpyRandom random(9);
  const Integers p = random.permutation(100000);
  EXPECT_EQ((Integers{p[0], p[1], p[2], p[3]}), (Integers{60612, 3517, 50420, 85444}));
  EXPECT_EQ((Integers{p[99996], p[99997], p[99998], p[99999]}), (Integers{65462, 66037, 55934, 86364}));
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < p.size(); ++i) sum += static_cast<std::int64_t>(i) * p[i];
  EXPECT_EQ(sum, 249572694316388);
}

TEST(NumpyRandomTest, ARangeOfOneDrawsNothing) {
  NumpyRandom drawn(3), fresh(3);
  EXPECT_EQ(drawn.interval(0), 0u);
  EXPECT_EQ(drawn.permutation(1), Integers{0});
  EXPECT_EQ(drawn.permutation(0), Integers{});
  EXPECT_EQ(drawn.integers(5, 0), Integers{});
  EXPECT_EQ(drawn.next(), fresh.next());
}

TEST(NumpyRandomTest, ImpossibleBoundsAreRefused) {
  NumpyRandom random(1);
  EXPECT_THROW(static_cast<void>(random.integers(0, 1)), Error);
  EXPECT_THROW(static_cast<void>(random.integers((std::int64_t{1} << 32) + 1, 1)), Error);
  EXPECT_THROW(static_cast<void>(random.integers(1, -1)), Error);
  EXPECT_THROW(static_cast<void>(random.permutation(std::int64_t{-1})), Error);
}

// ---- Philox ------------------------------------------------------------------------------------------------------------

TEST(Philox, KnownAnswers) {
  using Words = std::array<std::uint32_t, 4>;
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox4x32({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
            (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

// ---- normals -----------------------------------------------------------------------------------------------------------

struct KnownNormal {
  std::uint64_t seed, i;
  double value;   ///< of the definition, rounded once
};
const KnownNormal known_normals[] = {{0, 0, -0x1.7293e0b2c8f40p-4},
                                     {0, 1, -0x1.01505191e05a9p+0},
                                     {1, 2, -0x1.79c22ed32136cp+0},
                                     {1, 3, 0x1.d31bc4980e936p-3},
                                     {20261122, 12345, -0x1.1445e8bbf9d87p-2},
                                     {(std::uint64_t{1} << 63) + 5, (std::uint64_t{1} << 40) + 1, -0x1.638f9eb16c5e9p-1},
                                     {7, 1000000, -0x1.23bcad01effe2p-5}};

// Logarithm, root and circle each err by an ulp or two of numbers below 6.
TEST(CounterNormal, IsTheDefinition) {
  for (const auto& [seed, i, value] : known_normals) EXPECT_NEAR(counter_normal(seed, i), value, 2e-15) << seed << ' ' << i;
}

// The bits themselves, which gcc and clang gave alike with and without optimisation and contraction.
TEST(CounterNormal, HasTheseBits) {
  const double bits[] = {-0x1.7293e0b2c8f4p-4,  -0x1.01505191e05a9p+0, -0x1.79c22ed32136dp+0, 0x1.d31bc4980e936p-3,
                         -0x1.1445e8bbf9d87p-2, -0x1.638f9eb16c5eap-1, -0x1.23bcad01effe1p-5};
  for (std::size_t k = 0; k < std::size(known_normals); ++k) {
    EXPECT_EQ(counter_normal(known_normals[k].seed, known_normals[k].i), bits[k]) << k;
  }
}

// Of n normals the mean is within 4 / sqrt(n) of 0 but for one seed in 16000, and the moments alike with their own spread:
// sqrt(2/n), sqrt(15/n), sqrt(96/n).
TEST(CounterNormal, HasTheMomentsOfANormal) {
  constexpr std::uint64_t n = 1000000;
  double sums[5] = {};
  double neighbours = 0, former = 0;
  for (std::uint64_t i = 0; i < n; ++i) {
    const double x = counter_normal(11, i);
    double power = 1;
    for (double& sum : sums) sum += power, power *= x;
    neighbours += x * former;
    former = x;
  }
  const double spread = 1 / std::sqrt(double{n});
  EXPECT_NEAR(sums[1] / n, 0, 4 * spread);
  EXPECT_NEAR(sums[2] / n, 1, 4 * std::sqrt(2.0) * spread);
  EXPECT_NEAR(sums[3] / n, 0, 4 * std::sqrt(15.0) * spread);
  EXPECT_NEAR(sums[4] / n, 3, 4 * std::sqrt(96.0) * spread);
  EXPECT_NEAR(neighbours / n, 0, 4 * spread);
}

TEST(CounterNormal, SeedsAndPlacesDiffer) {
  std::set<double> seen;
  for (const std::uint64_t seed : {0u, 1u, 2u}) {
    for (std::uint64_t i = 0; i < 1000; ++i) seen.insert(counter_normal(seed, i));
  }
  EXPECT_EQ(seen.size(), 3000u);
  // Both halves of a seed and of a place count.
  EXPECT_NE(counter_normal(1, 5), counter_normal(1 + (std::uint64_t{1} << 32), 5));
  EXPECT_NE(counter_normal(1, 6), counter_normal(1, 6 + (std::uint64_t{1} << 33)));
}

}   // namespace
}   // namespace cheri
