// Finite differences of the block in double, over the corners of its shapes.
#include "cheri/nn/ops.hpp"
#include "support/finite_differences.hpp"
#include "support/spaces.hpp"

namespace cheri::nn {
namespace {

using cheri::testing::difference_error;
using cheri::testing::dot;
using cheri::testing::normal;
using cheri::testing::values;

struct Case {
  int n, length, channels, expansion, dilation, slice_size;
};

// One position, one channel; a dilation beyond the length; channels that fill no pack; several tiles; many channels.
const Case cases[] = {{1, 1, 1, 1, 1, 1},   {2, 1, 5, 2, 4, 1},    {2, 5, 3, 2, 8, 2},    {4, 33, 8, 4, 1, 2},
                      {2, 70, 17, 2, 4, 1}, {2, 150, 9, 2, 64, 2}, {1, 40, 130, 1, 3, 1}, {2, 67, 16, 3, 2, 2}};

/// A block with its parameters, input and a fixed direction r: the function is sum(out * r).
template <class Exec>
struct BlockCase {
  explicit BlockCase(const Case& c) : shape(shape_for(c)), table(shape) {
    parameters = normal<View<double*, Exec>>(1, 0.5, table.size());
    x = normal<View<double***, Exec>>(2, 1, c.n, c.length, c.channels);
    r = normal<View<double***, Exec>>(3, 1, c.n, c.length, c.channels);
    out = View<double***, Exec>("out", x.layout());
    statistics = View<double**, Exec>("statistics", x.extent(0), 2);
    gradient = View<double**, Exec>("gradient", static_cast<std::size_t>(c.n / c.slice_size), parameters.extent(0));
    slice_size = c.slice_size;
    const auto lay_out = [&](Arena<Exec>& a) {
      weights.lay_out(a, shape, table, 0, true);
      scratch.lay_out(a, shape, c.n, c.n / c.slice_size, true);
    };
    Arena<Exec> measure;
    lay_out(measure);
    arena = Arena<Exec>("test", measure.bytes());
    lay_out(arena);
    weights.dilation = c.dilation;
  }

  static ModelShape shape_for(const Case& c) {
    ModelShape shape;
    shape.n_layers = 1;
    shape.n_filters = c.channels;
    shape.expansion = c.expansion;
    shape.in_window = shape.out_window = c.length;
    return shape;
  }

  double function() {
    weights.load(exec, parameters, shape);
    block_forward<double, Exec>(exec, out, statistics, x, weights, scratch);
    exec.fence("test");
    return dot(values(out), values(r));
  }

  /// Runs the backward; dx is returned, the parameters' gradient is the sum of the slices.
  std::vector<double> backward() {
    function();
    const View<double***, Exec> d("d", x.layout());
    Kokkos::deep_copy(d, r);
    block_backward<double, Exec>(exec, {gradient, slice_size}, d, x, statistics, weights, scratch);
    exec.fence("test");
    return values(d);
  }

  std::vector<double> parameter_gradient(const std::string& name) const {
    const Parameter& p = table.find(name);
    const auto all = values(gradient);
    std::vector<double> sum(static_cast<std::size_t>(p.size), 0);
    for (std::size_t s = 0; s < gradient.extent(0); ++s) {
      for (std::size_t i = 0; i < sum.size(); ++i)
        sum[i] += all[s * gradient.extent(1) + static_cast<std::size_t>(p.offset) + i];
    }
    return sum;
  }

  double parameter_error(const std::string& name) {
    const Parameter& p = table.find(name);
    const auto part = Kokkos::subview(parameters, std::make_pair(p.offset, p.offset + p.size));
    return difference_error(part, parameter_gradient(name), [&] { return function(); });
  }

  Exec exec;
  ModelShape shape;
  ParameterTable table;
  int slice_size = 1;
  Arena<Exec> arena;
  BlockWeights<double, Exec> weights;
  BlockScratch<double, Exec> scratch;
  View<double*, Exec> parameters;
  View<double***, Exec> x, r, out;
  View<double**, Exec> statistics, gradient;
};

template <class Exec>
class BlockGradient : public ::testing::Test {};
TYPED_TEST_SUITE(BlockGradient, cheri::testing::Spaces);

TYPED_TEST(BlockGradient, AgreesWithFiniteDifferences) {
  for (const Case& c : cases) {
    SCOPED_TRACE("N " + std::to_string(c.n) + " L " + std::to_string(c.length) + " C " + std::to_string(c.channels) +
                 " expansion " + std::to_string(c.expansion) + " dilation " + std::to_string(c.dilation));
    BlockCase<TypeParam> block(c);
    const auto dx = block.backward();
    EXPECT_LT(difference_error(block.x, dx, [&] { return block.function(); }), 1e-6);
    for (const char* name : {"blocks.0.conv_weight", "blocks.0.linear1.weight", "blocks.0.linear2.weight"}) {
      EXPECT_LT(block.parameter_error(name), 1e-6) << name;
    }
  }
}

TYPED_TEST(BlockGradient, APlantedFaultIsCaught) {
  BlockCase<TypeParam> block({2, 70, 17, 2, 4, 1});
  block.function();
  block.weights.dilation = 5;   // the backward of another dilation
  const View<double***, TypeParam> d("d", block.x.layout());
  Kokkos::deep_copy(d, block.r);
  block_backward<double, TypeParam>(block.exec, {block.gradient, 1}, d, block.x, block.statistics, block.weights,
                                    block.scratch);
  block.weights.dilation = 4;
  EXPECT_GT(difference_error(block.x, values(d), [&] { return block.function(); }), 1e-2);
  EXPECT_GT(block.parameter_error("blocks.0.linear1.weight"), 1e-2);
}

// A mean a thousand times the spread must not cancel the variance away (spec.md, block): fp32 against fp64.
TYPED_TEST(BlockGradient, LargeMeanKeepsItsVariance) {
  const Case c{2, 70, 16, 2, 4, 1};
  BlockCase<TypeParam> exact(c);
  const auto shift = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), exact.x);
  for (std::size_t i = 0; i < shift.size(); ++i)
    shift.data()[i] = static_cast<double>(static_cast<float>(1000 + shift.data()[i]));
  const auto conv = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), exact.parameters);
  for (std::size_t i = 0; i < conv.size(); ++i) conv.data()[i] = static_cast<double>(static_cast<float>(conv.data()[i]));
  for (int c2 = 0; c2 < c.channels; ++c2) {   // pure centre taps: interior and edges have one mean
    const auto at = static_cast<std::size_t>(exact.table.find("blocks.0.conv_weight").offset + c2);
    conv.data()[at] = conv.data()[at + 2 * static_cast<std::size_t>(c.channels)] = 0;
    conv.data()[at + static_cast<std::size_t>(c.channels)] = 1;
  }
  Kokkos::deep_copy(exact.x, shift);
  Kokkos::deep_copy(exact.parameters, conv);
  exact.function();

  View<float***, TypeParam> x("x", exact.x.layout());
  View<float***, TypeParam> out("out", exact.x.layout());
  View<float*, TypeParam> parameters("parameters", exact.parameters.extent(0));
  View<float**, TypeParam> statistics("statistics", x.extent(0), 2);
  const auto x_host = Kokkos::create_mirror_view(x);
  const auto p_host = Kokkos::create_mirror_view(parameters);
  for (std::size_t i = 0; i < x_host.size(); ++i) x_host.data()[i] = static_cast<float>(shift.data()[i]);
  for (std::size_t i = 0; i < p_host.size(); ++i) p_host.data()[i] = static_cast<float>(conv.data()[i]);
  Kokkos::deep_copy(x, x_host);
  Kokkos::deep_copy(parameters, p_host);
  BlockWeights<float, TypeParam> weights;
  BlockScratch<float, TypeParam> scratch;
  const auto lay_out = [&](Arena<TypeParam>& a) {
    weights.lay_out(a, exact.shape, exact.table, 0, true);
    scratch.lay_out(a, exact.shape, c.n, c.n, true);
  };
  Arena<TypeParam> measure;
  lay_out(measure);
  Arena<TypeParam> arena("test", measure.bytes());
  lay_out(arena);
  weights.dilation = c.dilation;
  weights.load(exact.exec, parameters, exact.shape);
  block_forward<float, TypeParam>(exact.exec, out, statistics, x, weights, scratch);
  exact.exec.fence("test");
  // x itself carries 1000 +- 3e-5 in fp32; the deviations of order 1 must come out to that.
  const auto found = values(statistics), expected = values(exact.statistics);
  for (std::size_t n = 0; n < static_cast<std::size_t>(c.n); ++n) {
    EXPECT_NEAR(found[2 * n], expected[2 * n], 1e-3);
    EXPECT_NEAR(found[2 * n + 1] / expected[2 * n + 1], 1, 1e-4);
  }
}

}   // namespace
}   // namespace cheri::nn
