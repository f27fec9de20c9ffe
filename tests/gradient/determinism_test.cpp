// The gradient rows of a batch have the same bits however many slices a pass holds and however many threads run it.
#include "support/model_case.hpp"
#include "support/spaces.hpp"

#include <cstring>

namespace cheri::nn {
namespace {

using cheri::testing::ModelCase;
using cheri::testing::small_shape;

constexpr int n_examples = 8, slice_size = 2;

// Channels that fill no pack, several tiles of every length, groups and controls.
ModelShape shape() { return small_shape(17, 3, {1, 2}, 2, 200, 140); }

template <class To, class From>
void copy_examples(const To& to, const From& from, int begin) {
  const auto range = std::make_pair(begin, begin + static_cast<int>(to.extent(0)));
  if constexpr (To::rank() == 3) Kokkos::deep_copy(to, Kokkos::subview(from, range, Kokkos::ALL, Kokkos::ALL));
  else Kokkos::deep_copy(to, Kokkos::subview(from, range, Kokkos::ALL));
}

/// Rows of the slices of a batch, and its predictions' gradients, in passes of `per_pass` examples on `exec`.
template <class Exec>
std::vector<float> rows_of_passes(int per_pass, const Exec& exec) {
  const ModelCase<float, Exec> batch(shape(), n_examples, slice_size);
  ModelCase<float, Exec> part(shape(), per_pass, slice_size);
  part.exec = exec;
  std::vector<float> rows;
  const auto append = [&](const auto& view) {
    const auto host = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), view);
    rows.insert(rows.end(), host.data(), host.data() + host.size());
  };
  for (int begin = 0; begin < n_examples; begin += per_pass) {
    copy_examples(part.codes, batch.codes, begin);
    copy_examples(part.control, batch.control, begin);
    copy_examples(part.signal, batch.signal, begin);
    part.backward({}, n_examples);
    append(part.rows);
  }
  return rows;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

template <class Exec>
class Determinism : public ::testing::Test {};
TYPED_TEST_SUITE(Determinism, cheri::testing::Spaces);

TYPED_TEST(Determinism, RowsDoNotDependOnTheSlicesOfAPass) {
  const auto whole = rows_of_passes(n_examples, TypeParam());
  EXPECT_TRUE(same_bits(rows_of_passes(n_examples, TypeParam()), whole)) << "run to run";
  EXPECT_TRUE(same_bits(rows_of_passes(4, TypeParam()), whole));
  EXPECT_TRUE(same_bits(rows_of_passes(2, TypeParam()), whole));
}

#ifdef KOKKOS_ENABLE_OPENMP
TEST(DeterminismOfThreads, RowsDoNotDependOnThem) {
  const auto one = rows_of_passes(n_examples, Host(1));
  for (const int threads : {2, 3, 5}) {
    const Host exec(threads);
    ASSERT_EQ(exec.impl_thread_pool_size(), threads);   // concurrency() is that of the default instance
    EXPECT_TRUE(same_bits(rows_of_passes(n_examples, exec), one)) << threads << " threads";
  }
}
#endif

// Must fail: other slices are other sums, though the batch is the same.
TYPED_TEST(Determinism, OtherSlicesHaveOtherBits) {
  ModelCase<float, TypeParam> fine(shape(), n_examples, 1), coarse(shape(), n_examples, n_examples);
  fine.backward();
  coarse.backward();
  const Parameter& p = fine.model.table().find("blocks.1.linear1.weight");
  EXPECT_NE(fine.gradient(p), coarse.gradient(p));
}

}   // namespace
}   // namespace cheri::nn
