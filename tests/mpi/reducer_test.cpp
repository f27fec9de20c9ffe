#include "cheri/parallel/reducer.hpp"
#include "reduction.hpp"
#include "support/spaces.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace cheri::parallel {
namespace {

using testing::expected;
using testing::Reduction;
using testing::same_bits;
using testing::sequential_sum;
using testing::some_transports;
using testing::tree_sum;

template <class Exec>
class ReducerTest : public ::testing::Test {};

TYPED_TEST_SUITE(ReducerTest, cheri::testing::Spaces);

TYPED_TEST(ReducerTest, HasTheBitsOfTheTreeOnAnyNumberOfRanks) {
  const Communicator world = Communicator::world();
  for (const int n_slices : {1, 2, 3, 4, 6, 8, 12}) {
    if (n_slices % world.size() != 0) continue;
    for (const std::int64_t n : {1, 3, 64, 1001, 40'000}) {
      Reduction<TypeParam> reduction(world, n_slices, n);
      const auto tree = expected(n, [&](std::int64_t q) { return tree_sum(0, n_slices, q, 7); });
      EXPECT_TRUE(same_bits(reduction.sum_of(7), tree))
          << n_slices << " slices of " << n << " on " << world.size() << " ranks";
    }
  }
}

TYPED_TEST(ReducerTest, HasTheBitsOfTheTreeInLevels) {
  const Communicator world = Communicator::world();
  if (world.size() < 4) GTEST_SKIP() << "two nodes of two ranks are four ranks";
  for (const int n_slices : {4, 12, 20}) {
    for (const std::int64_t n : {1, 3, 1001}) {
      Reduction<TypeParam> reduction(world, some_transports<TypeParam>(world, 2), n_slices, n);
      const auto tree = expected(n, [&](std::int64_t q) { return tree_sum(0, n_slices, q, 7); });
      EXPECT_TRUE(same_bits(reduction.sum_of(7), tree)) << n_slices << " slices of " << n;
      std::vector<double> all;
      for (int i = 0; i < 3 * n_slices; ++i) all.push_back(0.1 * i);
      EXPECT_EQ(reduction.gathered(n_slices), all);
    }
  }
}

// Must fail: were the test blind to the order, a plain loop over the slices would pass it.
TYPED_TEST(ReducerTest, DiffersFromASequentialSum) {
  const Communicator world = Communicator::world();
  Reduction<TypeParam> reduction(world, 12, 1001);
  const auto in_sequence = expected(1001, [](std::int64_t q) { return sequential_sum(12, q, 7); });
  EXPECT_FALSE(same_bits(reduction.sum_of(7), in_sequence));
}

TYPED_TEST(ReducerTest, ServesManySteps) {
  const Communicator world = Communicator::world();
  Reduction<TypeParam> reduction(world, 12, 501);
  for (int salt = 0; salt < 5; ++salt) {
    const auto tree = expected(501, [&](std::int64_t q) { return tree_sum(0, 12, q, salt); });
    EXPECT_TRUE(same_bits(reduction.sum_of(salt), tree)) << "step " << salt;
  }
}

// More numbers than a row of gradients has, too.
TYPED_TEST(ReducerTest, GathersWhatRanksHaveWritten) {
  const Communicator world = Communicator::world();
  for (const std::int64_t n : {5, 1000}) {
    Reduction<TypeParam> reduction(world, 12, n);
    std::vector<double> all;
    for (int i = 0; i < 36; ++i) all.push_back(0.1 * i);
    EXPECT_EQ(reduction.gathered(12), all);
  }
}

TYPED_TEST(ReducerTest, SharesTheSlicesInRankOrder) {
  const Communicator world = Communicator::world();
  const Reducer<TypeParam> reducer(world, some_transports<TypeParam>(world), 4 * world.size(), 10);
  EXPECT_EQ(reducer.local_slices(), 4);
  EXPECT_EQ(reducer.first_slice(), 4 * world.rank());
}

int allocations = 0;

TYPED_TEST(ReducerTest, AllocatesNothingAfterItsConstruction) {
  const Communicator world = Communicator::world();
  Reduction<TypeParam> reduction(world, 12, 1000);
  reduction.fill(1);
  allocations = 0;
  Kokkos::Tools::Experimental::set_allocate_data_callback(
      [](Kokkos::Tools::SpaceHandle, const char*, const void*, std::uint64_t) { ++allocations; });
  reduction.sum();
  Kokkos::fence("cheri::tests::reducer");
  EXPECT_EQ(allocations, 0);
  const View<float*, TypeParam> control("counted", 3);
  Kokkos::Tools::Experimental::set_allocate_data_callback(nullptr);
  EXPECT_EQ(allocations, 1) << "the counter does not count";
}

TYPED_TEST(ReducerTest, RefusesRanksThatDoNotDivideTheSlices) {
  const Communicator world = Communicator::world();
  if (world.size() == 1) GTEST_SKIP() << "one rank divides everything";
  try {
    Reducer<TypeParam>(world, some_transports<TypeParam>(world), world.size() + 1, 10);
    FAIL() << "accepted";
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("gradient_slices = " + std::to_string(world.size() + 1)), std::string::npos);
    EXPECT_NE(std::string(error.what()).find(std::to_string(world.size()) + " ranks"), std::string::npos) << error.what();
  }
}

TYPED_TEST(ReducerTest, RefusesImpossibleSizes) {
  const Communicator world = Communicator::world();
  const auto transports = some_transports<TypeParam>(world);
  EXPECT_THROW(Reducer<TypeParam>(world, transports, 0, 10), InputError);
  EXPECT_THROW(Reducer<TypeParam>(world, transports, 12, 0), InputError);
  EXPECT_THROW(Reducer<TypeParam>(world, transports, 12, std::int64_t{1} << 31), InputError);
}

TYPED_TEST(ReducerTest, RefusesBuffersOfOtherExtents) {
  const Communicator world = Communicator::world();
  Reducer<TypeParam> reducer(world, some_transports<TypeParam>(world), 12, 10);
  const auto length = static_cast<std::size_t>(reducer.total_length());
  const auto local = static_cast<std::size_t>(reducer.local_slices());
  const TypeParam exec;
  const View<float*, TypeParam> total("total", length);
  const View<float*, TypeParam> short_total("total", length - 1);
  const View<float**, TypeParam> rows("rows", local, 10);
  const View<float**, TypeParam> more_rows("rows", local + 1, 10);
  const View<float**, TypeParam> short_rows("rows", local, 9);
  EXPECT_THROW(reducer.sum(exec, short_total, rows), Error);
  EXPECT_THROW(reducer.sum(exec, total, more_rows), Error);
  EXPECT_THROW(reducer.sum(exec, total, short_rows), Error);
}

}   // namespace
}   // namespace cheri::parallel
