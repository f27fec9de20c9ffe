// The block in fp32 against golden values: an fp64 restatement (1e-5 forward, 1e-4 gradients, relative L2, as spec.md asks),
// and the public package's own fp32 results at the same tolerances plus theirs.
#include "cheri/nn/ops.hpp"
#include "parity/golden.hpp"
#include "support/spaces.hpp"

namespace cheri::nn {
namespace {

using cheri::testing::golden;
using cheri::testing::read_values;
using cheri::testing::read_view;
using cheri::testing::relative_l2;
using cheri::testing::values;

constexpr double forward_tolerance = 1e-5, gradient_tolerance = 1e-4;

/// What a case computes, under the names of the golden datasets.
struct Results {
  std::vector<double> y, dx, d_conv_weight, d_linear1, d_linear2;
};

template <class Exec>
Results run_block(const data::Hdf5File& file, const std::string& at) {
  const auto number = [&](const char* name) { return static_cast<int>(file.attribute<std::int64_t>(at, name)); };
  const int n = number("N"), length = number("L"), channels = number("C");
  ModelShape shape;
  shape.n_layers = 1;
  shape.n_filters = channels;
  shape.expansion = number("expansion");
  shape.residual_scale = file.attribute<double>(at, "residual_scale");
  shape.in_window = shape.out_window = length;
  const ParameterTable table(shape);
  const View<float*, Exec> parameters("parameters", static_cast<std::size_t>(table.size()));
  const auto host = Kokkos::create_mirror_view(parameters);
  const std::pair<const char*, const char*> names[] = {
      {"conv_weight", "conv_weight"}, {"linear1.weight", "linear1"}, {"linear2.weight", "linear2"}};
  for (const auto& [ours, theirs] : names) {
    const auto from = read_values(file, at + "/" + theirs);
    const auto offset = static_cast<std::size_t>(table.find(std::string("blocks.0.") + ours).offset);
    for (std::size_t i = 0; i < from.size(); ++i) host(offset + i) = static_cast<float>(from[i]);
  }
  Kokkos::deep_copy(parameters, host);

  BlockWeights<float, Exec> weights;
  BlockScratch<float, Exec> scratch;
  const auto lay_out = [&](Arena<Exec>& arena) {
    weights.lay_out(arena, shape, table, 0, true);
    scratch.lay_out(arena, shape, n, 1, true);
  };
  Arena<Exec> measure;
  lay_out(measure);
  Arena<Exec> arena("test", measure.bytes());
  lay_out(arena);
  weights.dilation = number("dilation");

  const Exec exec;
  const auto x = read_view<View<float***, Exec>>(file, at + "/x", n, length, channels);
  const auto d = read_view<View<float***, Exec>>(file, at + "/dy", n, length, channels);
  const View<float***, Exec> out("out", x.layout());
  const View<float**, Exec> statistics("statistics", x.extent(0), 2);
  const View<float**, Exec> gradient("gradient", 1, parameters.extent(0));
  weights.load(exec, parameters, shape);
  block_forward<float, Exec>(exec, out, statistics, x, weights, scratch);
  block_backward<float, Exec>(exec, {gradient, n}, d, x, statistics, weights, scratch);
  exec.fence("test");
  const auto flat = values(gradient);
  const auto part = [&](const char* name) {
    const Parameter& p = table.find(std::string("blocks.0.") + name);
    return std::vector<double>(flat.begin() + p.offset, flat.begin() + p.offset + p.size);
  };
  return {values(out), values(d), part("conv_weight"), part("linear1.weight"), part("linear2.weight")};
}

template <class Exec>
class BlockParity : public ::testing::Test {};
TYPED_TEST_SUITE(BlockParity, cheri::testing::Spaces);

TYPED_TEST(BlockParity, AllShapes) {
  const data::Hdf5File file = golden("block.h5");
  const auto cases = file.children("/");
  ASSERT_GE(cases.size(), 7u);
  for (const std::string& name : cases) {
    for (const std::string& truth : {std::string("/fp64"), std::string()}) {
      SCOPED_TRACE(name + truth);
      const Results r = run_block<TypeParam>(file, "/" + name);
      const auto expected = [&](const char* what) { return read_values(file, "/" + name + truth + "/" + what); };
      EXPECT_LT(relative_l2(r.y, expected("y")), forward_tolerance);
      EXPECT_LT(relative_l2(r.dx, expected("dx")), gradient_tolerance);
      EXPECT_LT(relative_l2(r.d_conv_weight, expected("d_conv_weight")), gradient_tolerance);
      EXPECT_LT(relative_l2(r.d_linear1, expected("d_linear1")), gradient_tolerance);
      EXPECT_LT(relative_l2(r.d_linear2, expected("d_linear2")), gradient_tolerance);
    }
  }
}

TYPED_TEST(BlockParity, ThePartOfAnotherCaseIsRefused) {
  const data::Hdf5File file = golden("block.h5");
  const Results r = run_block<TypeParam>(file, "/case0");
  auto expected = read_values(file, "/case0/fp64/y");
  expected.back() += 1e-2;
  EXPECT_GT(relative_l2(r.y, expected), forward_tolerance);
}

}   // namespace
}   // namespace cheri::nn
