// Every op against the fp64 reference of the test support, over odd shapes: in double to rounding, in float to spec.md's
// tolerances, 1e-5 forward and, against double, 1e-4 for gradients (relative L2).
#include "support/op_cases.hpp"
#include "support/spaces.hpp"

namespace cheri::nn {
namespace {

using cheri::testing::BlockCase;
using cheri::testing::HeadsCase;
using cheri::testing::LossCase;
using cheri::testing::one_hot;
using cheri::testing::reference_block;
using cheri::testing::reference_heads;
using cheri::testing::reference_stem;
using cheri::testing::relative_l2;
using cheri::testing::small_shape;
using cheri::testing::StemCase;
using cheri::testing::values;

using Values = std::vector<double>;

template <class T>
constexpr double forward_tolerance = std::is_same_v<T, double> ? 1e-13 : 1e-5;

Values part_of(const Values& all, int example, int n) {
  const auto size = static_cast<std::ptrdiff_t>(all.size()) / n;
  return {all.begin() + example * size, all.begin() + (example + 1) * size};
}

void append(Values& to, const Values& from) { to.insert(to.end(), from.begin(), from.end()); }

template <class Exec>
class Ops : public ::testing::Test {};
TYPED_TEST_SUITE(Ops, cheri::testing::Spaces);

// ---- stem --------------------------------------------------------------------------------------------------------------

template <class T, class Exec>
Values expected_of(const StemCase<T, Exec>& stem) {
  Values expected;
  const auto bases = one_hot(values(stem.codes), stem.n, stem.shape.in_window);
  for (int i = 0; i < stem.n; ++i) {
    append(expected, reference_stem(stem.shape, values(stem.parameters), part_of(bases, i, stem.n).data()));
  }
  return expected;
}

template <class T, class Exec>
void check_stem() {
  for (const int channels : {1, 3, 17, 130}) {
    for (const int length : {1, 20, 131}) {
      StemCase<T, Exec> stem(small_shape(channels, 0, {1}, 0, length, length), 3, 1);
      stem.function();
      EXPECT_LT(relative_l2(values(stem.out), expected_of(stem)), forward_tolerance<T>)
          << "C " << channels << " L " << length;
    }
  }
}

TYPED_TEST(Ops, StemIsTheReferences) {
  check_stem<double, TypeParam>();
  check_stem<float, TypeParam>();
}

TYPED_TEST(Ops, StemGradientsInFloatAreNearDouble) {
  for (const int channels : {1, 3, 17, 130}) {
    const ModelShape shape = small_shape(channels, 0, {1}, 0, 131, 131);
    StemCase<double, TypeParam> exact(shape, 4, 2);
    StemCase<float, TypeParam> single(shape, 4, 2);
    exact.backward();
    single.backward();
    for (const char* name : {"iconv.weight", "iconv.bias"}) {
      EXPECT_LT(relative_l2(single.gradient_of(name), exact.gradient_of(name)), 1e-4) << name << " C " << channels;
    }
    EXPECT_LT(relative_l2(single.input_gradient(), exact.input_gradient()), 1e-4) << "C " << channels;
  }
}

// Must fail: one base of 60 is another.
TYPED_TEST(Ops, AFaultOfTheStemIsCaught) {
  StemCase<float, TypeParam> stem(small_shape(17, 0, {1}, 0, 20, 20), 3, 1);
  stem.function();
  const auto codes = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), stem.codes);
  codes(1, 7) = codes(1, 7) == 2 ? 3 : 2;
  Kokkos::deep_copy(stem.codes, codes);
  EXPECT_GT(relative_l2(values(stem.out), expected_of(stem)), 10 * forward_tolerance<float>);
}

// ---- block -------------------------------------------------------------------------------------------------------------

struct BlockShape {
  int length, channels, expansion, layer;   ///< dilation 2^layer
};

// L = 1; L smaller than the dilation; several tiles; channels that fill no pack.
const BlockShape blocks[] = {{1, 1, 1, 0}, {1, 130, 3, 2}, {7, 3, 3, 3}, {70, 17, 1, 1}, {131, 130, 1, 5}, {200, 3, 2, 7}};

template <class T, class Exec>
BlockCase<T, Exec> block_of(const BlockShape& b) {
  ModelShape shape = small_shape(b.channels, 1, {1}, 0, b.length, b.length);
  shape.expansion = b.expansion;
  return {shape, 1 << b.layer, 4, 2};
}

/// The reference knows a dilation by the layer: the parameters of blocks.0 become those of blocks.`layer`.
template <class T, class Exec>
Values expected_of(const BlockCase<T, Exec>& block, int layer) {
  ModelShape deep = block.shape;
  deep.n_layers = layer + 1;
  const ParameterTable table(deep);
  const auto parameters = values(block.parameters);
  Values at(static_cast<std::size_t>(table.size()), 0), expected;
  for (const char* name : {"conv_weight", "linear1.weight", "linear2.weight"}) {
    const Parameter& from = block.table.find(std::string("blocks.0.") + name);
    const Parameter& to = table.find("blocks." + std::to_string(layer) + "." + name);
    std::copy_n(parameters.begin() + from.offset, from.size, at.begin() + to.offset);
  }
  for (int i = 0; i < block.n; ++i) append(expected, reference_block(deep, at, layer, part_of(values(block.x), i, block.n)));
  return expected;
}

template <class T, class Exec>
void check_block() {
  for (const BlockShape& b : blocks) {
    auto block = block_of<T, Exec>(b);
    block.function();
    EXPECT_LT(relative_l2(values(block.out), expected_of(block, b.layer)), forward_tolerance<T>)
        << "L " << b.length << " C " << b.channels << " expansion " << b.expansion << " dilation " << (1 << b.layer);
  }
}

TYPED_TEST(Ops, BlockIsTheReferences) {
  check_block<double, TypeParam>();
  check_block<float, TypeParam>();
}

TYPED_TEST(Ops, BlockGradientsInFloatAreNearDouble) {
  for (const BlockShape& b : blocks) {
    if (b.length * b.channels == 1) continue;   // normalised to 0: there is only rounding
    auto exact = block_of<double, TypeParam>(b);
    auto single = block_of<float, TypeParam>(b);
    exact.function();
    single.function();
    exact.backward();
    single.backward();
    EXPECT_LT(relative_l2(values(single.d_x), values(exact.d_x)), 1e-4) << "L " << b.length << " C " << b.channels;
    for (const char* name : {"blocks.0.conv_weight", "blocks.0.linear1.weight", "blocks.0.linear2.weight"}) {
      EXPECT_LT(relative_l2(single.gradient_of(name), exact.gradient_of(name)), 1e-4)
          << name << " L " << b.length << " C " << b.channels;
    }
  }
}

// Must fail: another dilation.
TYPED_TEST(Ops, AFaultOfTheBlockIsCaught) {
  auto block = block_of<float, TypeParam>(blocks[3]);
  block.function();
  EXPECT_GT(relative_l2(values(block.out), expected_of(block, blocks[3].layer + 1)), 10 * forward_tolerance<float>);
}

// ---- heads -------------------------------------------------------------------------------------------------------------

const std::vector<ModelShape>& heads_shapes() {
  static const std::vector<ModelShape> all = {small_shape(1, 0, {1}, 0, 1, 1), small_shape(3, 0, {2}, 2, 1, 1),
                                              small_shape(17, 0, {2}, 1, 40, 10), small_shape(3, 0, {1, 2, 1}, 2, 90, 90),
                                              small_shape(130, 0, {1}, 0, 200, 140)};
  return all;
}

struct Predictions {
  Values logits, log_counts;
};

template <class T, class Exec>
Predictions expected_of(const HeadsCase<T, Exec>& heads) {
  const ModelShape& s = heads.shape;
  Predictions expected;
  for (int i = 0; i < heads.n; ++i) {
    Values logits(static_cast<std::size_t>(s.n_tracks() * s.out_window)), counts(static_cast<std::size_t>(s.n_groups()));
    const auto control = part_of(values(heads.control), i, heads.n);
    reference_heads(s, values(heads.parameters), part_of(values(heads.features), i, heads.n), control.data(), logits.data(),
                    counts.data());
    append(expected.logits, logits);
    append(expected.log_counts, counts);
  }
  return expected;
}

template <class T, class Exec>
void check_heads() {
  for (const ModelShape& shape : heads_shapes()) {
    HeadsCase<T, Exec> heads(shape, 3, 1);
    heads.profile_function();
    heads.count_function();
    const Predictions expected = expected_of(heads);
    EXPECT_LT(relative_l2(values(heads.logits), expected.logits), forward_tolerance<T>) << "C " << shape.n_filters;
    EXPECT_LT(relative_l2(values(heads.log_counts), expected.log_counts), forward_tolerance<T>) << "C " << shape.n_filters;
  }
}

TYPED_TEST(Ops, HeadsAreTheReferences) {
  check_heads<double, TypeParam>();
  check_heads<float, TypeParam>();
}

TYPED_TEST(Ops, HeadGradientsInFloatAreNearDouble) {
  for (const ModelShape& shape : heads_shapes()) {
    HeadsCase<double, TypeParam> exact(shape, 4, 2);
    HeadsCase<float, TypeParam> single(shape, 4, 2);
    const auto run = [](auto& heads) {
      heads.profile_function();
      heads.count_function();
      heads.profile_backward();
      const auto d_profile = values(heads.d_features);
      heads.count_backward();
      return std::make_pair(d_profile, values(heads.d_features));
    };
    const auto found = run(single), expected = run(exact);
    EXPECT_LT(relative_l2(found.first, expected.first), 1e-4) << "profile, C " << shape.n_filters;
    EXPECT_LT(relative_l2(found.second, expected.second), 1e-4) << "count, C " << shape.n_filters;
    for (const char* name : {"fconv.weight", "fconv.bias", "linear.weight", "linear.bias"}) {
      EXPECT_LT(relative_l2(single.gradient_of(name), exact.gradient_of(name)), 1e-4) << name << " C " << shape.n_filters;
    }
  }
}

// Must fail: heads that see one base more than they should, or another control.
TYPED_TEST(Ops, FaultsOfTheHeadsAreCaught) {
  HeadsCase<float, TypeParam> heads(heads_shapes()[2], 3, 1);
  heads.profile_function();
  heads.count_function();
  const auto control = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), heads.control);
  control(0, 0, 20) += 1;
  Kokkos::deep_copy(heads.control, control);
  const Predictions expected = expected_of(heads);
  EXPECT_GT(relative_l2(values(heads.logits), expected.logits), 10 * forward_tolerance<float>);
  EXPECT_GT(relative_l2(values(heads.log_counts), expected.log_counts), 10 * forward_tolerance<float>);
}

// ---- losses ------------------------------------------------------------------------------------------------------------

// The gradient of the loss in float is one rounding of a number in double, at float logits.
TYPED_TEST(Ops, LossGradientsInFloatAreNearDouble) {
  for (const auto& groups : {std::vector<int>{1}, std::vector<int>{2}, std::vector<int>{1, 3}}) {
    for (const int window : {2, 17, 300}) {
      const ModelShape shape = small_shape(1, 0, groups, 0, window, window);
      LossCase<double, TypeParam> exact(shape, 4, 2);
      LossCase<float, TypeParam> single(shape, 4, 2);
      exact.backward({});
      single.backward({});
      EXPECT_LT(relative_l2(values(single.d_logits), values(exact.d_logits)), 1e-6) << "W " << window;
      EXPECT_LT(relative_l2(values(single.d_log_counts), values(exact.d_log_counts)), 1e-6) << "W " << window;
      EXPECT_LT(relative_l2(single.gradient_of("lw0"), exact.gradient_of("lw0")), 1e-6) << "W " << window;
      EXPECT_LT(relative_l2(single.gradient_of("lw1"), exact.gradient_of("lw1")), 1e-6) << "W " << window;
    }
  }
}

}   // namespace
}   // namespace cheri::nn
