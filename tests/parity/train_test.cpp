// Ten training steps with the three optimisers and their schedules. Against an exact Newton-Schulz iteration everything must
// agree to fp32; the public package rounds that iteration to bf16 (8 bits), which moves the Muon matrices by some 1e-3 of
// their step.
#include "cheri/train/optimiser.hpp"
#include "parity/golden.hpp"
#include "support/model_case.hpp"
#include "support/spaces.hpp"

namespace cheri::train {
namespace {

using cheri::testing::golden;
using cheri::testing::golden_parameters;
using cheri::testing::golden_shape;
using cheri::testing::ModelCase;
using cheri::testing::read_values;
using cheri::testing::read_view;
using cheri::testing::relative_l2;
using cheri::testing::values;

OptimiserConfig golden_optimiser(const data::Hdf5File& file) {
  OptimiserConfig config;
  config.muon_lr = file.attribute<double>("/", "muon_lr");
  config.muon_momentum = file.attribute<double>("/", "muon_momentum");
  config.muon_weight_decay = file.attribute<double>("/", "muon_wd");
  config.adam_lr = file.attribute<double>("/", "adam_lr");
  config.lw_lr = file.attribute<double>("/", "lw_lr");
  config.lw_momentum = file.attribute<double>("/", "lw_momentum");
  config.ema_decay = file.attribute<double>("/", "ema_decay");
  return config;
}

/// How far `found` is from `expected` for one parameter, in units of what is allowed: `tolerance` times the distance that
/// training has moved it, and the rounding of fp32 (6e-8, some steps of it).
double excess(const std::vector<double>& found, const std::vector<double>& expected, const std::vector<double>& initial,
              const nn::Parameter& p, double tolerance) {
  double difference = 0, moved = 0, size = 0;
  for (auto i = static_cast<std::size_t>(p.offset); i < static_cast<std::size_t>(p.offset + p.size); ++i) {
    difference += std::pow(found[i] - expected[i], 2);
    moved += std::pow(expected[i] - initial[i], 2);
    size += std::pow(expected[i], 2);
  }
  return std::sqrt(difference) / (tolerance * std::sqrt(moved) + 3e-7 * std::sqrt(size) + 1e-12);
}

/// Runs the ten steps; tolerances are relative to how far a parameter has moved from its start.
template <class Exec>
void check(const std::string& name, double tolerance, double muon_tolerance) {
  const data::Hdf5File file = golden(name);
  const nn::ModelShape shape = golden_shape(file, "/step0/codes", "/step0/signal");
  const int n = static_cast<int>(file.extents("/step0/codes")[0]);
  ModelCase<float, Exec> model(shape, n, n);
  const nn::ParameterTable& table = model.model.table();
  const OptimiserConfig config = golden_optimiser(file);
  const Schedule schedule{file.attribute<std::int64_t>("/", "warmup_steps"),
                          file.attribute<std::int64_t>("/", "decay_steps")};
  Optimiser<Exec> optimiser(table, config);
  Arena<Exec> measure;
  Parameters<Exec> parameters;
  parameters.lay_out(measure, table.size());
  Arena<Exec> arena("test", measure.bytes());
  parameters.lay_out(arena, table.size());
  Kokkos::deep_copy(parameters.values, golden_parameters<Exec>(file, "/initial", table));
  Kokkos::deep_copy(parameters.ema, parameters.values);
  Kokkos::deep_copy(parameters.moment1, 0.0f);
  Kokkos::deep_copy(parameters.moment2, 0.0f);
  model.parameters = parameters.values;
  const auto initial = values(parameters.values);
  const auto rates = read_values(file, "/learning_rates"), losses = read_values(file, "/losses");

  const View<StepConstants*, Exec> constants("constants", 1);
  const auto constants_host = Kokkos::create_mirror_view(constants);

  for (std::int64_t step = 0; step < 10; ++step) {
    SCOPED_TRACE("step " + std::to_string(step));
    const std::string at = "/step" + std::to_string(step);
    model.codes = read_view<View<Code**, Exec>>(file, at + "/codes", n, shape.in_window);
    model.signal = read_view<View<float***, Exec>>(file, at + "/signal", n, shape.n_tracks(), shape.out_window);
    model.control = read_view<View<float***, Exec>>(file, at + "/control", n, shape.n_controls, shape.in_window);
    const auto before = values(parameters.values);
    model.backward();
    const LearningRates rate = learning_rates(config, schedule, step);
    const auto r = static_cast<std::size_t>(3 * step);
    EXPECT_LT(relative_l2({rate.muon, rate.adam, rate.lw}, {rates[r], rates[r + 1], rates[r + 2]}), 1e-12);

    double loss = 0;
    const auto row = values(model.rows);
    const auto groups = static_cast<std::size_t>(shape.n_groups());
    for (std::size_t i = 0; i < 2 * groups; ++i) {
      loss +=
          row[static_cast<std::size_t>(table.size()) + i] / (2 * before[i] * before[i]) + std::pow(std::log(before[i]), 2);
    }
    EXPECT_NEAR(loss / losses[static_cast<std::size_t>(step)], 1, std::max(1e-5, muon_tolerance / 10));

    const auto gradient = Kokkos::subview(model.rows, 0, std::make_pair(std::int64_t{0}, table.size()));
    constants_host(0) = step_constants(config, schedule, step);
    Kokkos::deep_copy(constants, constants_host);
    optimiser.update(model.exec, parameters, View<const float*, Exec>(gradient.data(), gradient.extent(0)), constants,
                     false);
    optimiser.update_ema(model.exec, parameters, constants);
    model.exec.fence("test");
    if (!file.exists(at + "/after")) continue;
    const auto after = values(parameters.values), ema = values(parameters.ema);
    const auto expected = values(golden_parameters<Exec>(file, at + "/after", table));
    const auto expected_ema = values(golden_parameters<Exec>(file, at + "/ema", table));
    for (const nn::Parameter& p : table.parameters()) {
      // The gradient of a single track's bias is rounding alone (the profile ignores it), and AdamW scales it up to full
      // steps.
      if (p.name == "fconv.bias") continue;
      const double allowed = p.optimiser == nn::Optimiser::muon ? muon_tolerance : tolerance;
      EXPECT_LT(excess(after, expected, initial, p, allowed), 1) << p.name;
      EXPECT_LT(excess(ema, expected_ema, initial, p, allowed), 1) << p.name << " ema";
    }
  }
}

template <class Exec>
class TrainParity : public ::testing::Test {};
TYPED_TEST_SUITE(TrainParity, cheri::testing::Spaces);

TYPED_TEST(TrainParity, ExactNewtonSchulz) { check<TypeParam>("train_fp64_newton_schulz.h5", 1e-3, 1e-3); }
TYPED_TEST(TrainParity, PublicPackage) { check<TypeParam>("train_torch.h5", 5e-2, 5e-2); }

}   // namespace
}   // namespace cheri::train
