// The whole model against an independent fp64 restatement: predictions, loss, and finite differences of the restatement's
// loss against the library's gradients, for every parameter and the input. Stem, heads and losses have their shape corners
// here.
#include "support/finite_differences.hpp"
#include "support/model_case.hpp"
#include "support/spaces.hpp"

namespace cheri::nn {
namespace {

using cheri::testing::difference_error;
using cheri::testing::ModelCase;
using cheri::testing::NamedShape;
using cheri::testing::reference_forward;
using cheri::testing::reference_loss;
using cheri::testing::relative_l2;
using cheri::testing::small_shape;
using cheri::testing::values;

const std::vector<NamedShape>& cases() {
  static const std::vector<NamedShape> all = {
      {"one base, one channel", small_shape(1, 1, {1}, 0, 1, 1), 1, 1},
      {"no layers", small_shape(3, 0, {1}, 0, 12, 4), 2, 1},
      {"window as long as the input", small_shape(5, 2, {2}, 1, 30, 30), 2, 2},
      {"longer than the head's taps", small_shape(17, 3, {1, 2}, 2, 160, 90), 4, 2},
      {"one pack of channels", small_shape(16, 2, {1}, 0, 100, 20), 2, 1},
  };
  return all;
}

/// A profile does not change when one number is added to all its logits: with one track a group the gradient of the profile
/// head's bias is zero, and its rounding is measured against the counts (above 1) that cancel in it.
double scale_of(const Parameter& parameter) { return parameter.name == "fconv.bias" ? 1 : 0; }

template <class Exec>
class ModelGradient : public ::testing::Test {};
TYPED_TEST_SUITE(ModelGradient, cheri::testing::Spaces);

TYPED_TEST(ModelGradient, PredictionsAreTheReferences) {
  for (const NamedShape& c : cases()) {
    SCOPED_TRACE(c.name);
    ModelCase<double, TypeParam> model(c.shape, c.n, c.slice_size);
    model.forward();
    const auto expected = reference_forward(c.shape, values(model.parameters), model.reference_input());
    EXPECT_LT(relative_l2(values(model.output.logits_NTW), expected.logits), 1e-12);
    EXPECT_LT(relative_l2(values(model.output.log_counts_NG), expected.log_counts), 1e-12);
  }
}

// fp32 against fp64: spec.md's tolerances, 1e-5 forward and 1e-4 for gradients (relative L2).
TYPED_TEST(ModelGradient, FloatIsNearDouble) {
  for (const NamedShape& c : cases()) {
    SCOPED_TRACE(c.name);
    ModelCase<double, TypeParam> exact(c.shape, c.n, c.slice_size);
    ModelCase<float, TypeParam> single(c.shape, c.n, c.slice_size);
    const auto rounded = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), single.parameters);
    const auto target = Kokkos::create_mirror_view(exact.parameters);
    for (std::size_t i = 0; i < target.size(); ++i) target(i) = static_cast<double>(rounded(i));
    Kokkos::deep_copy(exact.parameters, target);
    exact.forward();
    single.forward();
    EXPECT_LT(relative_l2(values(single.output.logits_NTW), values(exact.output.logits_NTW)), 1e-5);
    EXPECT_LT(relative_l2(values(single.output.log_counts_NG), values(exact.output.log_counts_NG)), 1e-5);
    exact.backward();
    single.backward();
    for (const Parameter& p : exact.model.table().parameters()) {
      EXPECT_LT(relative_l2(single.gradient(p), exact.gradient(p), scale_of(p)), 1e-4) << p.name;
    }
  }
}

template <class Exec>
void check_gradients(const NamedShape& c, const LossMixture& mixture) {
  SCOPED_TRACE(c.name);
  ModelCase<double, Exec> model(c.shape, c.n, c.slice_size);
  model.backward(mixture);
  auto input = model.reference_input();
  const HostView<double*> parameters("parameters", model.parameters.extent(0));
  Kokkos::deep_copy(parameters, model.parameters);
  const auto loss = [&] {
    const auto p = values(parameters);
    return reference_loss(c.shape, p, input, reference_forward(c.shape, p, input), mixture.weights);
  };
  for (const Parameter& p : model.model.table().parameters()) {
    if (mixture.weights && p.optimiser == Optimiser::sgd) continue;
    const auto part = Kokkos::subview(parameters, std::make_pair(p.offset, p.offset + p.size));
    EXPECT_LT(difference_error(part, model.gradient(p), loss, 16, scale_of(p)), 1e-6) << p.name;
  }

  const View<double***, Exec> d_input("d_input", c.n, 4, c.shape.in_window);
  model.model.input_gradient(model.exec, d_input, {model.codes, model.control});
  model.exec.fence("test");
  const HostView<double*> bases(input.bases.data(), input.bases.size());
  EXPECT_LT(difference_error(bases, values(d_input), loss, 16), 1e-6) << "input";
}

TYPED_TEST(ModelGradient, LearnedWeightsAgreeWithFiniteDifferences) {
  for (const NamedShape& c : cases()) check_gradients<TypeParam>(c, {});
}

TYPED_TEST(ModelGradient, GivenWeightsAgreeWithFiniteDifferences) {
  for (const NamedShape& c : cases()) check_gradients<TypeParam>(c, {std::array<double, 2>{0.7, 0.3}, false});
}

TYPED_TEST(ModelGradient, TheRowEndsWithTheLosses) {
  const NamedShape& c = cases()[3];
  ModelCase<double, TypeParam> model(c.shape, c.n, c.slice_size);
  model.backward();
  const auto input = model.reference_input();
  auto parameters = values(model.parameters);
  const auto output = reference_forward(c.shape, parameters, input);
  const auto rows = values(model.rows);
  const std::size_t row = model.rows.extent(1), at = static_cast<std::size_t>(model.model.table().size());
  double mixed = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    const double value = rows[at + i] + rows[row + at + i];
    mixed += value / (2 * parameters[i] * parameters[i]) + std::pow(std::log(parameters[i]), 2);
  }
  EXPECT_NEAR(mixed, reference_loss(c.shape, parameters, input, output, {}), 1e-9 * std::abs(mixed));
}

// Planted faults that the tolerances above must catch: a head that looks one base to the side, weights of another layer.
TYPED_TEST(ModelGradient, PlantedFaultsAreCaught) {
  const NamedShape& c = cases()[3];
  ModelCase<double, TypeParam> model(c.shape, c.n, c.slice_size);
  model.forward();
  auto input = model.reference_input();
  std::rotate(input.bases.begin(), input.bases.begin() + 1, input.bases.end());
  const auto shifted = reference_forward(c.shape, values(model.parameters), input);
  EXPECT_GT(relative_l2(values(model.output.logits_NTW), shifted.logits), 1e-3);
  auto parameters = values(model.parameters);
  parameters[static_cast<std::size_t>(model.model.table().find("linear.bias").offset)] += 1e-3;
  const auto biased = reference_forward(c.shape, parameters, model.reference_input());
  EXPECT_GT(relative_l2(values(model.output.log_counts_NG), biased.log_counts), 1e-5);
}

}   // namespace
}   // namespace cheri::nn
