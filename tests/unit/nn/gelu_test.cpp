// GELU and its derivative in float and double against the definition in long double, over a dense grid and far out.
#include "nn/kernels/gelu.hpp"
#include "support/spaces.hpp"

#include <cmath>
#include <numbers>
#include <vector>

namespace cheri::nn {
namespace {

struct Definition {
  long double value, derivative;
};

Definition definition(long double h) {
  const long double k = std::sqrt(2 / std::numbers::pi_v<long double>);
  const long double t = std::tanh(k * (h + 0.044715L * h * h * h));
  // 1 - t^2 from the exponential: it does not cancel.
  const long double e = std::exp(-2 * std::abs(k * (h + 0.044715L * h * h * h)));
  const long double slope = 4 * e / ((1 + e) * (1 + e)) * k * (1 + 3 * 0.044715L * h * h);
  return {h / 2 * (1 + t), (1 + t) / 2 + h / 2 * slope};
}

template <class T>
struct Found {
  std::vector<T> alone, value, derivative;
};

/// What the kernels compute: gelu alone, and value and derivative together.
template <class T, class Exec>
Found<T> evaluate(std::vector<T> inputs) {
  using P = Pack<Exec, T>;
  const std::size_t n = inputs.size();
  inputs.resize(static_cast<std::size_t>(padded<P>(static_cast<int>(n))), T(0));
  const View<T*, Exec> h("h", inputs.size()), alone("alone", inputs.size()), value("value", inputs.size()),
      derivative("derivative", inputs.size());
  Kokkos::deep_copy(h, HostView<const T*>(inputs.data(), inputs.size()));
  Kokkos::parallel_for(
      "gelu", Kokkos::RangePolicy<Exec>(0, static_cast<int>(inputs.size()) / width<P>), KOKKOS_LAMBDA(const int i) {
        const int at = i * width<P>;
        store(&alone(at), gelu(load<P>(&h(at))));
        const Gelu<P> both = gelu_and_derivative(load<P>(&h(at)));
        store(&value(at), both.value);
        store(&derivative(at), both.derivative);
      });
  const auto vector = [n](const View<T*, Exec>& view) {
    const auto host = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), view);
    return std::vector<T>(host.data(), host.data() + n);
  };
  return {vector(alone), vector(value), vector(derivative)};
}

/// Largest errors: of the value relative to |h|, of the derivative absolute (it lies between -0.13 and 1.13).
struct Errors {
  double value = 0, derivative = 0;
};

template <class T>
Errors errors_of(const std::vector<T>& inputs, const std::vector<T>& values, const std::vector<T>& derivatives,
                 long double factor = 1) {
  Errors errors;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const auto h = static_cast<long double>(inputs[i]);
    const Definition exact = definition(factor * h);
    const long double value = std::abs(static_cast<long double>(values[i]) - exact.value) / std::max(1e-30L, std::abs(h));
    const long double derivative = std::abs(static_cast<long double>(derivatives[i]) - exact.derivative);
    // Not a number is an infinite error.
    errors.value = std::isnan(value) ? INFINITY : std::max(errors.value, static_cast<double>(value));
    errors.derivative = std::isnan(derivative) ? INFINITY : std::max(errors.derivative, static_cast<double>(derivative));
  }
  return errors;
}

/// Every 1/4096 of [-12, 12].
template <class T>
std::vector<T> grid() {
  std::vector<T> h;
  for (int i = -12 * 4096; i <= 12 * 4096; ++i) h.push_back(static_cast<T>(i) / 4096);
  return h;
}

// The float's tanh is good to 4e-7 (gelu.hpp), which the value takes half of. The derivative takes it 2 |h/2 u'(h)| times,
// below 22 where |u| < 9 and the tanh is not 1 yet.
constexpr double float_value_tolerance = 4e-7, float_derivative_tolerance = 1e-5;

template <class Exec>
class GeluTest : public ::testing::Test {};
TYPED_TEST_SUITE(GeluTest, cheri::testing::Spaces);

TYPED_TEST(GeluTest, FloatIsNearTheDefinition) {
  const auto h = grid<float>();
  const auto found = evaluate<float, TypeParam>(h);
  const Errors errors = errors_of(h, found.value, found.derivative);
  EXPECT_LT(errors.value, float_value_tolerance);
  EXPECT_LT(errors.derivative, float_derivative_tolerance);
  EXPECT_EQ(found.alone, found.value);
}

TYPED_TEST(GeluTest, DoubleIsNearTheDefinition) {
  const auto h = grid<double>();
  const auto found = evaluate<double, TypeParam>(h);
  const Errors errors = errors_of(h, found.value, found.derivative);
  EXPECT_LT(errors.value, 4e-16);   // two roundings of numbers up to 1
  EXPECT_LT(errors.derivative, 22 * 2e-16);
  EXPECT_EQ(found.alone, found.value);
}

// There 1 - tanh^2 must be 0 itself, since h u'(h) grows like h^3.
TYPED_TEST(GeluTest, FarOutItIsTheIdentityOrZero) {
  std::vector<float> h;
  for (float size = 12; size < 1e12f; size *= 1.25f) h.insert(h.end(), {size, -size});   // h^3 is a float up to 7e12
  const auto found = evaluate<float, TypeParam>(h);
  const Errors errors = errors_of(h, found.value, found.derivative);
  EXPECT_LT(errors.value, float_value_tolerance);
  EXPECT_LT(errors.derivative, float_derivative_tolerance);
}

// Must fail: an argument one part in 10^4 off.
TYPED_TEST(GeluTest, APlantedFaultIsCaught) {
  const auto h = grid<float>();
  const auto found = evaluate<float, TypeParam>(h);
  const Errors errors = errors_of(h, found.value, found.derivative, 1.0001L);
  EXPECT_GT(errors.value, float_value_tolerance);
  EXPECT_GT(errors.derivative, float_derivative_tolerance);
}

}   // namespace
}   // namespace cheri::nn
