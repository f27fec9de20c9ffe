// Finite differences of the two heads in double, over the corners of their shapes.
#include "support/finite_differences.hpp"
#include "support/op_cases.hpp"
#include "support/spaces.hpp"

namespace cheri::nn {
namespace {

using cheri::testing::difference_error;
using cheri::testing::HeadsCase;
using cheri::testing::NamedShape;
using cheri::testing::relative_l2;
using cheri::testing::small_shape;
using cheri::testing::values;

const std::vector<NamedShape>& cases() {
  static const std::vector<NamedShape> all = {
      {"one base, one channel", small_shape(1, 0, {1}, 0, 1, 1), 1, 1},
      {"one base, a control", small_shape(3, 0, {2}, 1, 1, 1), 2, 1},
      {"fewer bases than taps", small_shape(5, 0, {1}, 0, 12, 4), 2, 2},
      {"window as long as the input", small_shape(9, 0, {2}, 1, 30, 30), 4, 2},
      {"groups, controls, several tiles", small_shape(17, 0, {1, 2}, 2, 260, 150), 4, 2},
      {"one pack of channels", small_shape(16, 0, {1}, 0, 100, 20), 2, 1},
      {"many channels", small_shape(130, 0, {2, 1}, 3, 9, 3), 1, 1},
  };
  return all;
}

template <class Exec>
class HeadsGradient : public ::testing::Test {};
TYPED_TEST_SUITE(HeadsGradient, cheri::testing::Spaces);

TYPED_TEST(HeadsGradient, OfTheProfileAgreeWithFiniteDifferences) {
  for (const NamedShape& c : cases()) {
    SCOPED_TRACE(c.name);
    HeadsCase<double, TypeParam> heads(c.shape, c.n, c.slice_size);
    const auto function = [&] { return heads.profile_function(); };
    function();
    heads.profile_backward();
    EXPECT_LT(difference_error(heads.features, values(heads.d_features), function), 1e-6);
    for (const char* name : {"fconv.weight", "fconv.bias"}) {
      EXPECT_LT(difference_error(heads.part(name), heads.gradient_of(name), function), 1e-6) << name;
    }
  }
}

TYPED_TEST(HeadsGradient, OfTheCountsAgreeWithFiniteDifferences) {
  for (const NamedShape& c : cases()) {
    SCOPED_TRACE(c.name);
    HeadsCase<double, TypeParam> heads(c.shape, c.n, c.slice_size);
    const auto function = [&] { return heads.count_function(); };
    function();
    heads.count_backward();
    EXPECT_LT(difference_error(heads.features, values(heads.d_features), function), 1e-6);
    for (const char* name : {"linear.weight", "linear.bias"}) {
      EXPECT_LT(difference_error(heads.part(name), heads.gradient_of(name), function), 1e-6) << name;
    }
  }
}

TYPED_TEST(HeadsGradient, TheCountHeadAdds) {
  HeadsCase<double, TypeParam> heads(cases()[4].shape, 4, 2);
  heads.profile_function();
  heads.count_function();
  heads.count_backward();
  const auto count = values(heads.d_features);
  heads.profile_backward();
  auto both = values(heads.d_features);
  for (std::size_t i = 0; i < both.size(); ++i) both[i] += count[i];
  count_head_backward<double, TypeParam>(heads.exec, heads.gradient(), heads.d_features, heads.r_counts, heads.weights);
  heads.exec.fence("test");
  EXPECT_LT(relative_l2(values(heads.d_features), both), 1e-14);
}

// Must fail: the backward of a window one base to the side, and of another example's counts.
TYPED_TEST(HeadsGradient, PlantedFaultsAreCaught) {
  HeadsCase<double, TypeParam> heads(cases()[4].shape, 4, 2);
  const auto profile = [&] { return heads.profile_function(); };
  const auto count = [&] { return heads.count_function(); };
  profile();
  heads.weights.trimming += 1;
  heads.profile_backward();
  heads.weights.trimming -= 1;
  EXPECT_GT(difference_error(heads.features, values(heads.d_features), profile), 1e-2);
  EXPECT_GT(difference_error(heads.part("fconv.weight"), heads.gradient_of("fconv.weight"), profile), 1e-2);

  count();
  heads.weights.trimming += 1;
  heads.count_backward();
  heads.weights.trimming -= 1;
  EXPECT_GT(difference_error(heads.features, values(heads.d_features), count), 1e-3);
  Kokkos::deep_copy(heads.weights.mean_NC, 0.5);   // not this batch's
  heads.count_backward();
  EXPECT_GT(difference_error(heads.part("linear.weight"), heads.gradient_of("linear.weight"), count), 1e-2);
}

}   // namespace
}   // namespace cheri::nn
