// Finite differences of the block in double, over the corners of its shapes.
#include "support/finite_differences.hpp"
#include "support/op_cases.hpp"
#include "support/spaces.hpp"

namespace cheri::nn {
namespace {

using cheri::testing::BlockCase;
using cheri::testing::difference_error;
using cheri::testing::small_shape;
using cheri::testing::values;

struct Case {
  int n, length, channels, expansion, dilation, slice_size;
};

// One position, one channel; a dilation beyond the length; channels that fill no pack; several tiles; many channels.
const Case cases[] = {{1, 1, 1, 1, 1, 1},   {2, 1, 5, 2, 4, 1},    {2, 5, 3, 2, 8, 2},    {4, 33, 8, 4, 1, 2},
                      {2, 70, 17, 2, 4, 1}, {2, 150, 9, 2, 64, 2}, {1, 40, 130, 1, 3, 1}, {2, 67, 16, 3, 2, 2}};

ModelShape shape_of(const Case& c) {
  ModelShape shape = small_shape(c.channels, 1, {1}, 0, c.length, c.length);
  shape.expansion = c.expansion;
  return shape;
}

template <class Exec>
BlockCase<double, Exec> block_of(const Case& c) {
  return {shape_of(c), c.dilation, c.n, c.slice_size};
}

template <class Exec>
double parameter_error(BlockCase<double, Exec>& block, const std::string& name) {
  return difference_error(block.part(name), block.gradient_of(name), [&] { return block.function(); });
}

template <class Exec>
class BlockGradient : public ::testing::Test {};
TYPED_TEST_SUITE(BlockGradient, cheri::testing::Spaces);

TYPED_TEST(BlockGradient, AgreesWithFiniteDifferences) {
  for (const Case& c : cases) {
    SCOPED_TRACE("N " + std::to_string(c.n) + " L " + std::to_string(c.length) + " C " + std::to_string(c.channels) +
                 " expansion " + std::to_string(c.expansion) + " dilation " + std::to_string(c.dilation));
    auto block = block_of<TypeParam>(c);
    block.function();
    block.backward();
    EXPECT_LT(difference_error(block.x, values(block.d_x), [&] { return block.function(); }), 1e-6);
    for (const char* name : {"blocks.0.conv_weight", "blocks.0.linear1.weight", "blocks.0.linear2.weight"}) {
      EXPECT_LT(parameter_error(block, name), 1e-6) << name;
    }
  }
}

TYPED_TEST(BlockGradient, APlantedFaultIsCaught) {
  auto block = block_of<TypeParam>({2, 70, 17, 2, 4, 1});
  block.function();
  block.weights.dilation = 5;   // the backward of another dilation
  block.backward();
  block.weights.dilation = 4;
  EXPECT_GT(difference_error(block.x, values(block.d_x), [&] { return block.function(); }), 1e-2);
  EXPECT_GT(parameter_error(block, "blocks.0.linear1.weight"), 1e-2);
}

/// The same values in another type.
template <class To, class From>
void convert(const To& to, const From& from) {
  const auto source = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), from);
  const auto target = Kokkos::create_mirror_view(to);
  for (std::size_t i = 0; i < target.size(); ++i) {
    target.data()[i] = static_cast<typename To::non_const_value_type>(source.data()[i]);
  }
  Kokkos::deep_copy(to, target);
}

// A mean a thousand times the spread must not cancel the variance away (spec.md, block): fp32 against fp64.
TYPED_TEST(BlockGradient, LargeMeanKeepsItsVariance) {
  const Case c{2, 70, 16, 2, 4, 1};
  BlockCase<float, TypeParam> single(shape_of(c), c.dilation, c.n, c.slice_size);
  const auto x = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), single.x);
  for (std::size_t i = 0; i < x.size(); ++i) x.data()[i] += 1000;
  Kokkos::deep_copy(single.x, x);
  const auto taps = single.part("blocks.0.conv_weight");
  const auto centre = Kokkos::create_mirror_view(taps);   // pure centre taps: interior and edges have one mean
  for (int i = 0; i < 3 * c.channels; ++i) centre(i) = i / c.channels == 1 ? 1.0f : 0.0f;
  Kokkos::deep_copy(taps, centre);
  auto exact = block_of<TypeParam>(c);
  convert(exact.x, single.x);
  convert(exact.parameters, single.parameters);
  exact.function();
  single.function();
  // x itself carries 1000 +- 3e-5 in fp32; the deviations of order 1 must come out to that.
  const auto found = values(single.statistics), expected = values(exact.statistics);
  for (std::size_t n = 0; n < static_cast<std::size_t>(c.n); ++n) {
    EXPECT_NEAR(found[2 * n], expected[2 * n], 1e-3);
    EXPECT_NEAR(found[2 * n + 1] / expected[2 * n + 1], 1, 1e-4);
  }
}

}   // namespace
}   // namespace cheri::nn
