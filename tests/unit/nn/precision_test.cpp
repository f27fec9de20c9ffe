// The precisions of a GPU, by the kernels that serve them, against fp64 by the portable ones. Tolerances are those of
// spec.md: tf32 2e-3, bf16 2e-2, relative L2.
#include "cheri/nn/precision.hpp"
#include "support/model_case.hpp"

#include <gtest/gtest.h>

#include <array>

namespace cheri::nn {
namespace {

using cheri::testing::ModelCase;
using cheri::testing::relative_l2;
using cheri::testing::small_shape;
using cheri::testing::values;

struct Case {
  Precision precision;
  double tolerance;
};
constexpr std::array cases = {Case{Precision::tf32, 2e-3}, Case{Precision::bf16, 2e-2}};

ModelShape with_expansion(ModelShape shape, int expansion) {
  shape.expansion = expansion;
  return shape;
}

/// Lengths that fill no tile, dilations beyond the length of the last tile, one and two tracks; the width that has kernels
/// of its own, then widths below, between and above whole tiles.
std::vector<ModelShape> shapes() {
  return {small_shape(128, 4, {2}, 0, 331, 101),
          small_shape(128, 9, {1, 1}, 0, 200, 20),
          small_shape(128, 2, {1}, 0, 17, 5),
          small_shape(128, 2, {1, 2}, 2, 340, 300),
          small_shape(64, 4, {2}, 1, 331, 101),
          small_shape(96, 7, {1}, 0, 150, 20),
          with_expansion(small_shape(128, 3, {1}, 0, 140, 30), 3),
          with_expansion(small_shape(160, 3, {2}, 0, 129, 31), 1),
          small_shape(256, 3, {1, 1}, 0, 200, 20),
          small_shape(512, 2, {1}, 0, 70, 12)};
}

/// A model of weights as training has them: those of ModelCase make logits so large that their rounding shows in every
/// gradient.
template <class T, class Exec>
ModelCase<T, Exec> tame(const ModelShape& shape, int n, int slice_size, Precision precision = Precision::fp32) {
  ModelCase<T, Exec> model(shape, n, slice_size, precision);
  const auto host = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), model.parameters);
  for (auto i = static_cast<std::size_t>(2 * shape.n_groups()); i < host.size(); ++i) host(i) *= T(0.25);
  Kokkos::deep_copy(model.parameters, host);
  return model;
}

bool is_served(const ModelShape& shape, Precision precision) {
  return ModelCase<float, Device>(shape, 1, 1, precision).model.precision() == precision;
}

class PrecisionTest : public ::testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    if (!is_served(shapes().front(), GetParam().precision)) {
      GTEST_SKIP() << "NOT TESTED: no GPU here that serves " << name_of(GetParam().precision);
    }
  }
};

TEST_P(PrecisionTest, AgreesWithFp64) {
  const auto [precision, tolerance] = GetParam();
  for (const ModelShape& shape : shapes()) {
    SCOPED_TRACE(std::to_string(shape.n_filters) + " filters, length " + std::to_string(shape.in_window));
    auto exact = tame<double, Host>(shape, 4, 2);
    auto fast = tame<float, Device>(shape, 4, 2, precision);
    exact.forward();
    fast.forward();
    EXPECT_LT(relative_l2(values(fast.output.logits_NTW), values(exact.output.logits_NTW)), tolerance);
    EXPECT_LT(relative_l2(values(fast.output.log_counts_NG), values(exact.output.log_counts_NG)), tolerance);
    exact.backward();
    fast.backward();
    for (const Parameter& p : exact.model.table().parameters()) {
      if (p.name == "fconv.bias") continue;   // rounding alone where a group has one track
      EXPECT_LT(relative_l2(fast.gradient(p), exact.gradient(p)), tolerance) << p.name;
    }
  }
}

/// The gradient of the first slice, alone in a pass and with three others.
void expect_same_bits(const ModelShape& shape, Precision precision) {
  auto together = tame<float, Device>(shape, 8, 2, precision);
  auto first = tame<float, Device>(shape, 2, 2, precision);
  first.codes = Kokkos::subview(together.codes, std::make_pair(0, 2), Kokkos::ALL);
  first.signal = Kokkos::subview(together.signal, std::make_pair(0, 2), Kokkos::ALL, Kokkos::ALL);
  together.forward();
  first.forward();
  // The same gradients of the predictions into both, so that nothing but the model's backward is compared.
  const auto slice = [](const auto& view) { return Kokkos::subview(view, std::make_pair(0, 2), Kokkos::ALL, Kokkos::ALL); };
  Kokkos::deep_copy(first.output.logits_NTW, slice(together.output.logits_NTW));
  Kokkos::deep_copy(first.output.log_counts_NG,
                    Kokkos::subview(together.output.log_counts_NG, std::make_pair(0, 2), Kokkos::ALL));
  together.model.backward(together.exec, together.rows, together.output, {together.codes, together.control});
  first.model.backward(first.exec, first.rows, first.output, {first.codes, first.control});
  together.exec.fence("test");
  const auto all = values(together.rows), one = values(first.rows);
  const auto parameters = static_cast<std::ptrdiff_t>(first.model.table().size());
  const std::ptrdiff_t skip = 2 * shape.n_groups();   // lw0 and lw1 are the loss's
  EXPECT_TRUE(std::equal(one.begin() + skip, one.begin() + parameters, all.begin() + skip));
}

TEST_P(PrecisionTest, BitsDoNotDependOnTheSlicesOfAPass) {
  for (const ModelShape& shape : {small_shape(128, 4, {2}, 0, 331, 101), small_shape(64, 4, {2}, 0, 331, 101)}) {
    SCOPED_TRACE(std::to_string(shape.n_filters) + " filters");
    expect_same_bits(shape, GetParam().precision);
  }
}

TEST_P(PrecisionTest, AnotherPrecisionIsNoticed) {
  const ModelShape shape = shapes().front();
  ModelCase<float, Device> fp32(shape, 2, 2), fast(shape, 2, 2, GetParam().precision);
  fp32.forward();
  fast.forward();
  EXPECT_GT(relative_l2(values(fast.output.logits_NTW), values(fp32.output.logits_NTW)), 1e-7);
}

INSTANTIATE_TEST_SUITE_P(All, PrecisionTest, ::testing::ValuesIn(cases),
                         [](const auto& instance) { return name_of(instance.param.precision); });

// On cores, and for shapes that only the portable kernels serve, a model says that it is fp32.
TEST(Precision, WhatIsNotServedIsFp32) {
  const ModelCase<float, Device> narrow(small_shape(16, 2, {1}, 0, 40, 20), 1, 1, Precision::bf16);
  EXPECT_EQ(narrow.model.precision(), Precision::fp32);
  const ModelCase<double, Device> exact(small_shape(128, 2, {1}, 0, 40, 20), 1, 1, Precision::tf32);
  EXPECT_EQ(exact.model.precision(), Precision::fp32);
}

}   // namespace
}   // namespace cheri::nn
