// Finite differences of the stem in double, over the corners of its shapes: at its parameters, and at a real-valued input,
// where the function is the reference's.
#include "support/finite_differences.hpp"
#include "support/op_cases.hpp"
#include "support/spaces.hpp"

namespace cheri::nn {
namespace {

using cheri::testing::difference_error;
using cheri::testing::one_hot;
using cheri::testing::reference_stem;
using cheri::testing::relative_l2;
using cheri::testing::small_shape;
using cheri::testing::StemCase;
using cheri::testing::values;

struct Case {
  int n, length, channels, slice_size;
};

// One base and one channel; fewer bases than taps; a pack and one more; several tiles; many channels.
const Case cases[] = {{1, 1, 1, 1}, {2, 3, 1, 1}, {2, 12, 5, 2}, {4, 33, 17, 2}, {2, 150, 9, 1}, {1, 70, 130, 1}};

ModelShape shape_of(const Case& c) { return small_shape(c.channels, 0, {1}, 0, c.length, c.length); }

/// sum(stem(bases) * r) for any input (N,4,L).
template <class Exec>
double reference_function(const StemCase<double, Exec>& stem, const std::vector<double>& bases,
                          const std::vector<double>& r) {
  const auto parameters = values(stem.parameters);
  const std::size_t row = r.size() / static_cast<std::size_t>(stem.n);
  double total = 0;
  for (std::size_t i = 0; i < static_cast<std::size_t>(stem.n); ++i) {
    const auto out =
        reference_stem(stem.shape, parameters, bases.data() + i * bases.size() / static_cast<std::size_t>(stem.n));
    for (std::size_t j = 0; j < row; ++j) total += out[j] * r[i * row + j];
  }
  return total;
}

template <class Exec>
double input_error(StemCase<double, Exec>& stem) {
  stem.function();
  const auto gradient = stem.input_gradient();
  auto bases = one_hot(values(stem.codes), stem.n, stem.shape.in_window);
  const auto r = values(stem.r);
  const HostView<double*> view(bases.data(), bases.size());
  return difference_error(view, gradient, [&] { return reference_function(stem, bases, r); });
}

template <class Exec>
class StemGradient : public ::testing::Test {};
TYPED_TEST_SUITE(StemGradient, cheri::testing::Spaces);

TYPED_TEST(StemGradient, AgreesWithFiniteDifferences) {
  for (const Case& c : cases) {
    SCOPED_TRACE("N " + std::to_string(c.n) + " L " + std::to_string(c.length) + " C " + std::to_string(c.channels));
    StemCase<double, TypeParam> stem(shape_of(c), c.n, c.slice_size);
    stem.backward();
    for (const char* name : {"iconv.weight", "iconv.bias"}) {
      EXPECT_LT(difference_error(stem.part(name), stem.gradient_of(name), [&] { return stem.function(); }), 1e-6) << name;
    }
    EXPECT_LT(input_error(stem), 1e-6);
  }
}

// Must fail: the backward of other bases.
TYPED_TEST(StemGradient, PlantedFaultsAreCaught) {
  StemCase<double, TypeParam> stem(shape_of({2, 33, 17, 1}), 2, 1);
  const auto codes = stem.codes;
  stem.codes = cheri::testing::integers<View<Code**, TypeParam>>(99, 5, 2, 33);
  stem.backward();
  const auto wrong_input = stem.input_gradient();
  stem.codes = codes;
  EXPECT_GT(difference_error(stem.part("iconv.weight"), stem.gradient_of("iconv.weight"), [&] { return stem.function(); }),
            1e-2);
  EXPECT_GT(difference_error(stem.part("iconv.bias"), stem.gradient_of("iconv.bias"), [&] { return stem.function(); }),
            1e-2);
  stem.function();
  EXPECT_GT(relative_l2(wrong_input, stem.input_gradient()), 1e-2);
}

}   // namespace
}   // namespace cheri::nn
