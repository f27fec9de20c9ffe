// The three optimisers and the moving average against plain loops in double over several steps, and the learning rates.
#include "cheri/train/optimiser.hpp"
#include "support/op_cases.hpp"
#include "support/spaces.hpp"

#include <functional>
#include <numbers>

namespace cheri::train {
namespace {

using cheri::testing::normal;
using cheri::testing::relative_l2;
using cheri::testing::small_shape;
using cheri::testing::values;

using Values = std::vector<double>;

constexpr std::int64_t n_steps = 6;

// ---- the plain loops (spec.md, Optimisers) -------------------------------------------------------------------------------

struct Matrix {
  int rows, columns;
  Values at;

  [[nodiscard]] Matrix transposed() const {
    Matrix t{columns, rows, Values(at.size())};
    for (int r = 0; r < rows; ++r) {
      for (int c = 0; c < columns; ++c)
        t.at[static_cast<std::size_t>(c * rows + r)] = at[static_cast<std::size_t>(r * columns + c)];
    }
    return t;
  }
};

Matrix product(const Matrix& a, const Matrix& b) {
  Matrix out{a.rows, b.columns, Values(static_cast<std::size_t>(a.rows * b.columns), 0)};
  for (int r = 0; r < a.rows; ++r) {
    for (int c = 0; c < b.columns; ++c) {
      for (int i = 0; i < a.columns; ++i) {
        out.at[static_cast<std::size_t>(r * b.columns + c)] +=
            a.at[static_cast<std::size_t>(r * a.columns + i)] * b.at[static_cast<std::size_t>(i * b.columns + c)];
      }
    }
  }
  return out;
}

Matrix orthogonalised(const Matrix& u, int steps) {
  Matrix x = u.rows > u.columns ? u.transposed() : u;
  double norm = 0;
  for (const double value : x.at) norm += value * value;
  for (double& value : x.at) value /= std::max(std::sqrt(norm), 1e-7);
  for (int step = 0; step < steps; ++step) {
    const Matrix a = product(x, x.transposed()), aa = product(a, a);
    Matrix b = a;
    for (std::size_t i = 0; i < b.at.size(); ++i) b.at[i] = -4.7750 * a.at[i] + 2.0315 * aa.at[i];
    const Matrix bx = product(b, x);
    for (std::size_t i = 0; i < x.at.size(); ++i) x.at[i] = 3.4445 * x.at[i] + bx.at[i];
  }
  return u.rows > u.columns ? x.transposed() : x;
}

struct Reference {
  nn::ParameterTable table;
  OptimiserConfig config;
  Values p, ema, m, v;
  int newton_schulz_steps = 5;

  void step(const Values& g, const LearningRates& rates, std::int64_t t, bool frozen) {
    for (const nn::Parameter& parameter : table.parameters()) {
      if (parameter.optimiser == nn::Optimiser::muon) muon(parameter, g, rates.muon);
      for (auto i = static_cast<std::size_t>(parameter.offset);
           i < static_cast<std::size_t>(parameter.offset + parameter.size); ++i) {
        if (parameter.optimiser == nn::Optimiser::adamw) adamw(i, g[i], rates.adam, static_cast<double>(t + 1));
        if (parameter.optimiser == nn::Optimiser::sgd && !frozen) sgd(i, g[i], rates.lw);
        ema[i] = config.ema_decay * ema[i] + (1 - config.ema_decay) * p[i];
      }
    }
  }

  void adamw(std::size_t i, double g, double lr, double t) {
    p[i] *= 1 - lr * config.adam_weight_decay;
    m[i] = config.adam_beta1 * m[i] + (1 - config.adam_beta1) * g;
    v[i] = config.adam_beta2 * v[i] + (1 - config.adam_beta2) * g * g;
    const double m_hat = m[i] / (1 - std::pow(config.adam_beta1, t)), v_hat = v[i] / (1 - std::pow(config.adam_beta2, t));
    p[i] -= lr * m_hat / (std::sqrt(v_hat) + config.adam_epsilon);
  }

  void sgd(std::size_t i, double g, double lr) {
    m[i] = config.lw_momentum * m[i] + g + config.lw_weight_decay * p[i];
    p[i] -= lr * m[i];
  }

  void muon(const nn::Parameter& parameter, const Values& g, double lr) {
    Matrix u{parameter.shape[0], parameter.shape[1], {}};
    const auto begin = static_cast<std::size_t>(parameter.offset), size = static_cast<std::size_t>(parameter.size);
    for (std::size_t i = begin; i < begin + size; ++i) {
      m[i] += (1 - config.muon_momentum) * (g[i] - m[i]);
      u.at.push_back(g[i] + config.muon_momentum * (m[i] - g[i]));
    }
    const Matrix x = orthogonalised(u, newton_schulz_steps);
    const double scale = lr * std::sqrt(std::max(1.0, static_cast<double>(u.rows) / u.columns));
    for (std::size_t i = 0; i < size; ++i) {
      p[begin + i] = p[begin + i] * (1 - lr * config.muon_weight_decay) - scale * x.at[i];
    }
  }
};

// ---- the library's
// ---------------------------------------------------------------------------------------------------------

/// Every decay and momentum has an effect.
OptimiserConfig config_of_all() {
  OptimiserConfig config;
  config.adam_weight_decay = 0.1;
  config.lw_weight_decay = 0.2;
  config.ema_decay = 0.9;
  return config;
}

const Schedule schedule{3, 10};   // the steps lie on either side of the end of the warm-up

nn::ModelShape shape_of(int expansion) {
  nn::ModelShape shape = small_shape(5, 2, {1, 2}, 1, 12, 4);
  shape.expansion = expansion;
  return shape;
}

template <class Exec>
struct Library {
  Library(const nn::ModelShape& shape, const OptimiserConfig& with, const Exec& on = {})
      : exec(on), table(shape), config(with), optimiser(table, config) {
    Arena<Exec> measure;
    state.lay_out(measure, table.size());
    arena = Arena<Exec>("test", measure.bytes());
    state.lay_out(arena, table.size());
    Kokkos::deep_copy(state.values, normal<View<float*, Exec>>(1, 0.2, table.size()));
    Kokkos::deep_copy(state.ema, state.values);
    Kokkos::deep_copy(state.moment1, 0.0f);
    Kokkos::deep_copy(state.moment2, 0.0f);
  }

  [[nodiscard]] Reference reference() const {
    const Values zero(static_cast<std::size_t>(table.size()), 0);
    return {table, config, values(state.values), values(state.values), zero, zero};
  }

  [[nodiscard]] View<float*, Exec> gradient(std::int64_t step) const {
    return normal<View<float*, Exec>>(static_cast<std::uint64_t>(100 + step), 0.1, table.size());
  }

  void step(std::int64_t t, bool frozen = false) { step(gradient(t), step_constants(config, schedule, t), frozen); }

  void step(const View<float*, Exec>& gradient_P, const StepConstants& of_step, bool frozen) {
    const View<StepConstants*, Exec> constants("constants", 1);
    Kokkos::deep_copy(constants, HostView<const StepConstants*>(&of_step, 1));
    optimiser.update(exec, state, gradient_P, constants, frozen);
    optimiser.update_ema(exec, state, constants);
    exec.fence("test");
  }

  Exec exec;
  nn::ParameterTable table;
  OptimiserConfig config;
  Optimiser<Exec> optimiser;
  Parameters<Exec> state;
  Arena<Exec> arena;
};

/// Distance between what two runs have moved, over the parameters of one kind, relative to the second.
double distance(const nn::ParameterTable& table, nn::Optimiser kind, const Values& found, const Values& expected,
                const Values& initial) {
  Values a, b;
  for (const nn::Parameter& p : table.parameters()) {
    if (p.optimiser != kind) continue;
    for (auto i = static_cast<std::size_t>(p.offset); i < static_cast<std::size_t>(p.offset + p.size); ++i) {
      a.push_back(found[i] - initial[i]);
      b.push_back(expected[i] - initial[i]);
    }
  }
  return relative_l2(a, b);
}

constexpr nn::Optimiser kinds[] = {nn::Optimiser::adamw, nn::Optimiser::sgd, nn::Optimiser::muon};
constexpr const char* names[] = {"adamw", "sgd", "muon"};
// fp32 rounds parameters of 0.2 by 1e-8 a step, and loss weights near 1 alike. AdamW and SGD move theirs by 1e-3 a step, the
// average by less; Muon by 1e-2, and its error comes through five Newton-Schulz steps that take it some times.
constexpr double tolerances[] = {1e-4, 1e-4, 1e-5};

struct Distances {
  double values[3], ema[3];
};

/// Distances of the library's run from one of the plain loops, which `change` may have spoiled.
template <class Exec>
Distances distances(int expansion, const std::function<void(Reference&)>& change = {}) {
  Library<Exec> library(shape_of(expansion), config_of_all());
  Reference reference = library.reference();
  if (change) change(reference);
  const Values initial = reference.p;
  for (std::int64_t t = 0; t < n_steps; ++t) {
    library.step(t);
    reference.step(values(library.gradient(t)), learning_rates(library.config, schedule, t), t, false);
  }
  Distances result{};
  for (std::size_t k = 0; k < 3; ++k) {
    result.values[k] = distance(library.table, kinds[k], values(library.state.values), reference.p, initial);
    result.ema[k] = distance(library.table, kinds[k], values(library.state.ema), reference.ema, initial);
  }
  return result;
}

template <class Exec>
class OptimiserTest : public ::testing::Test {};
TYPED_TEST_SUITE(OptimiserTest, cheri::testing::Spaces);

// Matrices higher than wide, wider than high (expansion 3), and square (1).
TYPED_TEST(OptimiserTest, StepsAreThePlainLoops) {
  for (const int expansion : {1, 3}) {
    const Distances found = distances<TypeParam>(expansion);
    for (std::size_t k = 0; k < 3; ++k) {
      EXPECT_LT(found.values[k], tolerances[k]) << names[k];
      EXPECT_LT(found.ema[k], tolerances[k]) << names[k];
    }
  }
}

// Must fail, for each kind and each of its terms.
TYPED_TEST(OptimiserTest, PlantedFaultsAreCaught) {
  struct Fault {
    std::size_t kind;
    std::function<void(Reference&)> change;
  };
  const std::vector<Fault> faults = {
      {0, [](Reference& r) { r.config.adam_weight_decay = 0; }}, {0, [](Reference& r) { r.config.adam_beta1 = 0.89; }},
      {0, [](Reference& r) { r.config.adam_beta2 = 0.99; }},     {0, [](Reference& r) { r.config.adam_epsilon = 1e-4; }},
      {1, [](Reference& r) { r.config.lw_momentum = 0.89; }},    {1, [](Reference& r) { r.config.lw_weight_decay = 0.19; }},
      {2, [](Reference& r) { r.config.muon_momentum = 0.94; }},  {2, [](Reference& r) { r.config.muon_weight_decay = 0; }},
      {2, [](Reference& r) { r.newton_schulz_steps = 4; }}};
  for (std::size_t i = 0; i < faults.size(); ++i) {
    EXPECT_GT(distances<TypeParam>(3, faults[i].change).values[faults[i].kind], 3 * tolerances[faults[i].kind]) << i;
  }
  const Distances other_average = distances<TypeParam>(3, [](Reference& r) { r.config.ema_decay = 0.91; });
  for (std::size_t k = 0; k < 3; ++k) EXPECT_GT(other_average.ema[k], 3 * tolerances[k]) << names[k];
}

TYPED_TEST(OptimiserTest, FrozenLossWeightsStay) {
  Library<TypeParam> frozen(shape_of(2), config_of_all()), learned(shape_of(2), config_of_all());
  frozen.step(0);
  learned.step(0);
  const auto before = values(frozen.state.values), moments = values(frozen.state.moment1);
  frozen.step(1, true);
  learned.step(1);
  const auto after = values(frozen.state.values), others = values(learned.state.values);
  for (std::size_t i = 0; i < after.size(); ++i) {
    if (i < 4) {   // lw0 and lw1 of two groups
      EXPECT_EQ(after[i], before[i]);
      EXPECT_EQ(values(frozen.state.moment1)[i], moments[i]);
      EXPECT_NE(others[i], before[i]);
    } else {
      ASSERT_EQ(after[i], others[i]) << i;
    }
  }
}

// The direction of no gradient is none: 0 / 1e-7, and not 0 / 0.
TYPED_TEST(OptimiserTest, NoGradientOnlyDecays) {
  Library<TypeParam> library(shape_of(2), config_of_all());
  const auto before = values(library.state.values);
  const View<float*, TypeParam> none("none", before.size());
  StepConstants constants = step_constants(library.config, schedule, 0);
  constants.rates = {0.5, 0.5, 0.5};
  library.step(none, constants, false);
  const auto after = values(library.state.values);
  for (const nn::Parameter& p : library.table.parameters()) {
    const double decay = p.optimiser == nn::Optimiser::muon ? 0.03 : p.optimiser == nn::Optimiser::adamw ? 0.1 : 0.2;
    for (auto i = static_cast<std::size_t>(p.offset); i < static_cast<std::size_t>(p.offset + p.size); ++i) {
      ASSERT_NEAR(after[i], before[i] * (1 - 0.5 * decay), 1e-7) << p.name;
    }
  }
}

TYPED_TEST(OptimiserTest, ASkippedStepLeavesEverythingAsItIs) {
  Library<TypeParam> library(shape_of(2), config_of_all());
  library.step(0);
  const auto state = [&] {
    return std::array{values(library.state.values), values(library.state.ema), values(library.state.moment1),
                      values(library.state.moment2)};
  };
  const auto before = state();
  StepConstants constants = step_constants(library.config, schedule, 1);
  constants.skip = true;
  library.step(library.gradient(1), constants, false);
  EXPECT_EQ(state(), before);
}

TYPED_TEST(OptimiserTest, AModelWithoutBlocksHasNoMatrices) {
  Library<TypeParam> library(small_shape(3, 0, {1}, 0, 12, 4), config_of_all());
  Reference reference = library.reference();
  const Values initial = reference.p;
  library.step(0);
  reference.step(values(library.gradient(0)), learning_rates(library.config, schedule, 0), 0, false);
  EXPECT_LT(distance(library.table, nn::Optimiser::adamw, values(library.state.values), reference.p, initial), 1e-3);
}

#ifdef KOKKOS_ENABLE_OPENMP
TEST(OptimiserThreads, HaveNoInfluence) {
  Library<Host> one(shape_of(3), config_of_all(), Host(1)), several(shape_of(3), config_of_all(), Host(3));
  for (std::int64_t t = 0; t < n_steps; ++t) {
    one.step(t);
    several.step(t);
  }
  EXPECT_EQ(values(one.state.values), values(several.state.values));
  EXPECT_EQ(values(one.state.ema), values(several.state.ema));
}
#endif

// ---- learning rates ----------------------------------------------------------------------------------------------------

TEST(LearningRatesTest, WarmUpThenFallAlongACosine) {
  const OptimiserConfig config;
  const Schedule long_schedule{200, 1000};
  const auto expect = [&](std::int64_t step, double muon, double adam, double lw) {
    const LearningRates rates = learning_rates(config, long_schedule, step);
    EXPECT_NEAR(rates.muon, muon, 1e-15) << step;
    EXPECT_NEAR(rates.adam, adam, 1e-15) << step;
    EXPECT_NEAR(rates.lw, lw, 1e-15) << step;
  };
  expect(0, 0.00025, 0.00001, 0.00001);
  expect(100, 0.025 * 0.505, 0.001 * 0.505, 0.001 * 0.505);
  expect(200, 0.025, 0.001, 0.001);
  expect(700, 1e-5 + 0.02499 / 2, 1e-5 + 0.00099 / 2, 0.001);
  expect(1200, 1e-5, 1e-5, 0.001);
  const double third = (1 + std::cos(std::numbers::pi / 4)) / 2;
  expect(450, 1e-5 + 0.02499 * third, 1e-5 + 0.00099 * third, 0.001);
}

TEST(LearningRatesTest, WithoutWarmUpTheyBeginWhole) { EXPECT_EQ(learning_rates({}, {0, 100}, 0).muon, 0.025); }

}   // namespace
}   // namespace cheri::train
