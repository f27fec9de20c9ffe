// The losses on their own: their value, and finite differences in double of the reference's loss, over the corners of their
// shapes, for learned, frozen and given weights.
#include "support/finite_differences.hpp"
#include "support/op_cases.hpp"
#include "support/spaces.hpp"

namespace cheri::nn {
namespace {

using cheri::testing::difference_error;
using cheri::testing::LossCase;
using cheri::testing::NamedShape;
using cheri::testing::reference_loss;
using cheri::testing::ReferenceOutput;
using cheri::testing::relative_l2;
using cheri::testing::small_shape;
using cheri::testing::values;

const std::vector<NamedShape>& cases() {
  static const std::vector<NamedShape> all = {
      {"one position", small_shape(1, 0, {1}, 0, 1, 1), 1, 1},
      {"a pair of one position", small_shape(1, 0, {2}, 0, 1, 1), 2, 1},
      {"one track", small_shape(1, 0, {1}, 0, 7, 7), 4, 2},
      {"three groups", small_shape(1, 0, {1, 3, 2}, 0, 130, 130), 6, 3},
  };
  return all;
}

const LossMixture learned{}, frozen{std::nullopt, false}, given{std::array<double, 2>{0.7, 0.3}, false};

/// Reference loss at predictions which the caller may move, and the gradients that the library finds there.
template <class Exec>
struct Moved {
  Moved(const NamedShape& c, const LossMixture& with) : mixture(with), loss(c.shape, c.n, c.slice_size) {
    loss.backward(mixture);
    output = {values(loss.logits), values(loss.log_counts)};
    parameters = values(loss.parameters);
    input = loss.reference_input();
  }

  double function() const { return reference_loss(loss.shape, parameters, input, output, mixture.weights); }

  double error(std::vector<double>& at, const std::vector<double>& gradient) {
    const HostView<double*> view(at.data(), gradient.size());
    return difference_error(view, gradient, [&] { return function(); });
  }

  LossMixture mixture;
  LossCase<double, Exec> loss;
  ReferenceOutput output;
  std::vector<double> parameters;
  cheri::testing::ReferenceInput input;
};

template <class Exec>
class LossGradient : public ::testing::Test {};
TYPED_TEST_SUITE(LossGradient, cheri::testing::Spaces);

TYPED_TEST(LossGradient, AgreesWithFiniteDifferences) {
  for (const LossMixture& mixture : {learned, frozen, given}) {
    for (const NamedShape& c : cases()) {
      SCOPED_TRACE(c.name);
      Moved<TypeParam> moved(c, mixture);
      EXPECT_LT(moved.error(moved.output.logits, values(moved.loss.d_logits)), 1e-6);
      EXPECT_LT(moved.error(moved.output.log_counts, values(moved.loss.d_log_counts)), 1e-6);
    }
  }
}

TYPED_TEST(LossGradient, LearnedWeightsAgreeWithFiniteDifferences) {
  for (const NamedShape& c : cases()) {
    SCOPED_TRACE(c.name);
    Moved<TypeParam> moved(c, learned);
    auto gradient = moved.loss.gradient_of("lw0");
    const auto lw1 = moved.loss.gradient_of("lw1");
    gradient.insert(gradient.end(), lw1.begin(), lw1.end());   // lw0 and lw1 stand first in the parameters
    EXPECT_LT(moved.error(moved.parameters, gradient), 1e-6);
  }
}

TYPED_TEST(LossGradient, FrozenAndGivenWeightsHaveNone) {
  for (const LossMixture& mixture : {frozen, given}) {
    LossCase<double, TypeParam> loss(cases()[3].shape, 6, 3);
    Kokkos::deep_copy(loss.rows, 99.0);
    loss.backward(mixture);
    EXPECT_EQ(loss.gradient_of("lw0"), std::vector<double>(3, 0));
    EXPECT_EQ(loss.gradient_of("lw1"), std::vector<double>(3, 0));
  }
}

/// The mixed loss from what the rows hold behind the parameters.
template <class Exec>
double mixed_loss(const LossCase<double, Exec>& loss, const LossMixture& mixture) {
  const std::size_t groups = loss.mean_counts.extent(0);
  const auto rows = values(loss.rows), parameters = values(loss.parameters), mean_counts = values(loss.mean_counts);
  double total = 0;
  for (std::size_t i = 0; i < 2 * groups; ++i) {
    double value = 0;
    for (std::size_t s = 0; s < loss.rows.extent(0); ++s) {
      value += rows[s * loss.rows.extent(1) + static_cast<std::size_t>(loss.table.size()) + i];
    }
    const double lw = parameters[i];
    if (!mixture.weights) total += value / (2 * lw * lw) + std::pow(std::log(lw), 2);
    else total += i < groups ? (*mixture.weights)[0] * value / std::max(1.0, mean_counts[i]) : (*mixture.weights)[1] * value;
  }
  return total;
}

TYPED_TEST(LossGradient, ValuesAreTheReferences) {
  for (const LossMixture& mixture : {learned, given}) {
    for (const NamedShape& c : cases()) {
      SCOPED_TRACE(c.name);
      const Moved<TypeParam> moved(c, mixture);
      EXPECT_NEAR(mixed_loss(moved.loss, mixture) / moved.function(), 1, 1e-12);   // sums of some 10^4 doubles
    }
  }
}

// Nothing was counted: the profile says nothing, and given weights divide by 1 and not by 0.
TYPED_TEST(LossGradient, AnEmptySignalIsNoFault) {
  for (const LossMixture& mixture : {learned, given}) {
    LossCase<double, TypeParam> loss(cases()[3].shape, 6, 3);
    Kokkos::deep_copy(loss.signal, 0.0);
    loss.backward(mixture);
    for (const double d : values(loss.d_logits)) EXPECT_EQ(d, 0);
    const ReferenceOutput output{values(loss.logits), values(loss.log_counts)};
    const double expected =
        reference_loss(loss.shape, values(loss.parameters), loss.reference_input(), output, mixture.weights);
    EXPECT_NEAR(mixed_loss(loss, mixture) / expected, 1, 1e-12);
  }
}

// exp(1000) is no double: the softmax must be taken from the largest logit, which may lie far below 0.
TYPED_TEST(LossGradient, FarLogitsAreNoFault) {
  LossCase<double, TypeParam> near(cases()[3].shape, 6, 3), far(cases()[3].shape, 6, 3);
  near.backward(learned);
  for (const double shift : {1e4, -1e4}) {
    const auto logits = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), near.logits);
    const auto shifted = Kokkos::create_mirror_view(far.logits);
    for (std::size_t i = 0; i < shifted.size(); ++i) shifted.data()[i] = logits.data()[i] + shift;
    Kokkos::deep_copy(far.logits, shifted);
    far.backward(learned);
    // The shift leaves 1e4 * 1e-16 of a logit.
    EXPECT_LT(relative_l2(values(far.d_logits), values(near.d_logits)), 1e-10);
    EXPECT_NEAR(mixed_loss(far, learned) / mixed_loss(near, learned), 1, 1e-10);
  }
}

// Must fail: the gradients of another mixture, and of tracks grouped otherwise.
TYPED_TEST(LossGradient, PlantedFaultsAreCaught) {
  const NamedShape& c = cases()[3];
  Moved<TypeParam> moved(c, learned), other(c, given);
  EXPECT_GT(moved.error(moved.output.logits, values(other.loss.d_logits)), 1e-2);
  EXPECT_GT(moved.error(moved.output.log_counts, values(other.loss.d_log_counts)), 1e-2);
  other.loss.shape.signal_groups = {3, 1, 2};
  other.loss.backward(learned);
  EXPECT_GT(moved.error(moved.output.logits, values(other.loss.d_logits)), 1e-2);
  EXPECT_GT(moved.error(moved.parameters, other.loss.gradient_of("lw0")), 1e-2);
  EXPECT_GT(std::abs(mixed_loss(other.loss, learned) / moved.function() - 1), 1e-3);
}

}   // namespace
}   // namespace cheri::nn
