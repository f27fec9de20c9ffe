#include "cheri/parallel/reducer.hpp"
#include "cheri/parallel/backend.hpp"
#include "support/spaces.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

namespace cheri::parallel {
namespace {

/// Element q of slice s: signs and magnitudes vary, so that another order of addition gives other bits.
float element(int s, std::int64_t q, int salt) {
  std::uint64_t x = static_cast<std::uint64_t>(s) * 0x9E3779B97F4A7C15u +
                    static_cast<std::uint64_t>(q + 1) * 0xBF58476D1CE4E5B9u + static_cast<std::uint64_t>(salt);
  x = (x ^ (x >> 30)) * 0x94D049BB133111EBu;
  x ^= x >> 31;
  const float mantissa = static_cast<float>(x >> 40) / 16777216.0f - 0.5f;
  return std::ldexp(mantissa, static_cast<int>(x % 16) - 8);
}

/// The definition of the reducer's order.
float tree_sum(int begin, int end, std::int64_t q, int salt) {
  if (end - begin == 1) return element(begin, q, salt);
  const int middle = begin + (end - begin + 1) / 2;
  return tree_sum(begin, middle, q, salt) + tree_sum(middle, end, q, salt);
}

float sequential_sum(int n_slices, std::int64_t q, int salt) {
  float sum = element(0, q, salt);
  for (int s = 1; s < n_slices; ++s) sum += element(s, q, salt);
  return sum;
}

template <class Sum>
std::vector<float> expected(std::int64_t n, const Sum& sum) {
  std::vector<float> values;
  for (std::int64_t q = 0; q < n; ++q) values.push_back(sum(q));
  return values;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

/// What works everywhere.
template <class Exec>
std::shared_ptr<Transport<Exec>> some_transport(const Communicator& world) {
  return world.size() == 1 ? nullptr : staged_transport<Exec>(world);
}

/// A reducer with its buffers, filled for this rank.
template <class Exec>
class Reduction {
 public:
  Reduction(const Communicator& world, int n_slices, std::int64_t n)
      : Reduction(world, some_transport<Exec>(world), n_slices, n) {}

  Reduction(const Communicator& world, std::shared_ptr<Transport<Exec>> transport, int n_slices, std::int64_t n)
      : m_reducer(world, std::move(transport), n_slices, n),
        m_rows("rows", static_cast<std::size_t>(m_reducer.local_slices()), static_cast<std::size_t>(n)),
        m_total("total", static_cast<std::size_t>(m_reducer.total_length())) {}

  void fill(int salt) {
    const auto rows = Kokkos::create_mirror_view(m_rows);
    for (std::size_t s = 0; s < rows.extent(0); ++s) {
      for (std::size_t q = 0; q < rows.extent(1); ++q) {
        rows(s, q) = element(m_reducer.first_slice() + static_cast<int>(s), static_cast<std::int64_t>(q), salt);
      }
    }
    Kokkos::deep_copy(m_rows, rows);
  }

  void sum() { m_reducer.sum(m_exec, m_total, m_rows); }

  std::vector<float> total() const {
    m_reducer.wait(m_exec);
    std::vector<float> values(m_total.extent(0));
    Kokkos::deep_copy(HostView<float*>(values.data(), values.size()), m_total);
    values.resize(m_rows.extent(1));   // without the padding
    return values;
  }

  std::vector<float> sum_of(int salt) {
    fill(salt);
    sum();
    return total();
  }

 private:
  Exec m_exec;
  Reducer<Exec> m_reducer;
  View<float**, Exec> m_rows;
  View<float*, Exec> m_total;
};

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

TYPED_TEST(ReducerTest, SharesTheSlicesInRankOrder) {
  const Communicator world = Communicator::world();
  const Reducer<TypeParam> reducer(world, some_transport<TypeParam>(world), 4 * world.size(), 10);
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
    Reducer<TypeParam>(world, some_transport<TypeParam>(world), world.size() + 1, 10);
    FAIL() << "accepted";
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("gradient_slices = " + std::to_string(world.size() + 1)), std::string::npos);
    EXPECT_NE(std::string(error.what()).find(std::to_string(world.size()) + " ranks"), std::string::npos) << error.what();
  }
}

TYPED_TEST(ReducerTest, RefusesImpossibleSizes) {
  const Communicator world = Communicator::world();
  const auto transport = some_transport<TypeParam>(world);
  EXPECT_THROW(Reducer<TypeParam>(world, transport, 0, 10), InputError);
  EXPECT_THROW(Reducer<TypeParam>(world, transport, 12, 0), InputError);
  EXPECT_THROW(Reducer<TypeParam>(world, transport, 12, std::int64_t{1} << 31), InputError);
}

TYPED_TEST(ReducerTest, RefusesBuffersOfOtherExtents) {
  const Communicator world = Communicator::world();
  Reducer<TypeParam> reducer(world, some_transport<TypeParam>(world), 12, 10);
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
