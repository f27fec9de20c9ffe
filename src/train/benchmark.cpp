#include "cheri/train/benchmark.hpp"

#include "cheri/base/check.hpp"
#include "cheri/base/random.hpp"
#include "cheri/train/trainer.hpp"
#include "nn/kernels/pack.hpp"
#include "train/kernel_clock.hpp"
#include "train/timing.hpp"

#include <chrono>

namespace cheri::train {
namespace {

using nn::Pack;

Measurement measurement(const std::string& what, double seconds, double flops, double bytes, double examples = 0) {
  return {what, seconds * 1e3, flops / seconds / 1e9, bytes / seconds / 1e9, examples / seconds};
}

template <class Exec>
double peak_flops(const Exec& exec, double seconds, const View<float*, Exec>& sink) {
  using P = Pack<Exec, float>;
  constexpr int chains = 12, steps = 200000;
  const int workers = static_cast<int>(sink.extent(0));
  const double time = median_seconds(seconds, [&] {
    Kokkos::parallel_for(
        "cheri::train::peak", Kokkos::RangePolicy<Exec>(exec, 0, workers), KOKKOS_LAMBDA(const int worker) {
          // The factors depend on the worker, so that nothing can be computed ahead.
          const P factor(1.0f - 1e-7f * static_cast<float>(worker + 1)), addend(1e-7f * static_cast<float>(worker));
          P sums[chains];
          for (int i = 0; i < chains; ++i) sums[i] = P(0.1f * static_cast<float>(i));
          for (int step = 0; step < steps; ++step) {
            for (int i = 0; i < chains; ++i) sums[i] = Kokkos::fma(sums[i], factor, addend);
          }
          for (int i = 1; i < chains; ++i) sums[0] = sums[0] + sums[i];
          sink(worker) = nn::sum(sums[0]);
        });
  });
  return 2.0 * nn::width<P> * chains * steps * workers / time;
}

/// Floating-point operations of one example: MLP, convolutions and profile head of the forward pass; the backward has twice
/// that.
double forward_flops(const nn::ModelShape& shape) {
  const double length = shape.in_window, channels = shape.n_filters;
  const double block = length * channels * (4.0 * shape.hidden() + 6);
  const double head = 2.0 * shape.out_window * shape.n_tracks() * nn::head_taps * (channels + shape.n_controls);
  return shape.n_layers * block + head + length * channels * nn::stem_taps;
}

/// A model on one batch, with its parameters and what it is called with.
class BenchmarkModel {
 public:
  using Model = nn::Model<float, Device>;

  BenchmarkModel(const BenchmarkSpec& spec, const data::Batch<Device>& batch, Model::Mode mode)
      : m_n(spec.batch_size),
        m_model(spec.shape, m_n, m_n / spec.gradient_slices, mode, precision_of(spec)),
        m_parameters("cheri::train::parameters", static_cast<std::size_t>(m_model.table().size())),
        m_input{batch.codes_NL, batch.control_NKL},
        m_output{View<float***, Device>("cheri::train::logits", size(m_n), size(spec.shape.n_tracks()),
                                        size(spec.shape.out_window)),
                 View<float**, Device>("cheri::train::log_counts", size(m_n), size(spec.shape.n_groups()))} {
    Kokkos::deep_copy(m_parameters, nn::initial_parameters(m_model.table(), 0));
    m_model.load(Device(), m_parameters);
    if (mode != Model::Mode::training) return;
    m_gradient = View<float**, Device>("cheri::train::gradient", size(spec.gradient_slices), m_parameters.extent(0));
    forward();
    m_model.backward(Device(), m_gradient, m_output, m_input);
  }

  void forward() { m_model.forward(Device(), m_output, m_input); }
  void forward_blocks() { m_model.forward_blocks(Device(), m_n); }
  void backward_blocks() { m_model.backward_blocks(Device(), m_gradient, m_n); }

 private:
  static std::size_t size(int value) { return static_cast<std::size_t>(value); }
  static nn::Precision precision_of(const BenchmarkSpec& spec) {
    TrainConfig config;
    config.precision = spec.precision;
    return config.precision_wanted();
  }

  int m_n;
  Model m_model;
  View<float*, Device> m_parameters;
  nn::ModelInput<float, Device> m_input;
  nn::ModelOutput<float, Device> m_output;
  View<float**, Device> m_gradient;
};

/// The mean over the model's blocks, one after the other as in a step.
std::vector<Measurement> measure_blocks(const BenchmarkSpec& spec, const data::Batch<Device>& batch) {
  if (spec.shape.n_layers == 0) return {};
  BenchmarkModel model(spec, batch, BenchmarkModel::Model::Mode::training);
  const double n = spec.batch_size, blocks = spec.shape.n_layers;
  const double product = 2.0 * n * spec.shape.in_window * spec.shape.n_filters * spec.shape.hidden();
  const double activation = 4.0 * n * spec.shape.in_window * spec.shape.n_filters;
  const double forward = median_seconds(spec.seconds, [&] { model.forward_blocks(); }) / blocks;
  const double both = median_seconds(spec.seconds,
                                     [&] {
                                       model.forward_blocks();
                                       model.backward_blocks();
                                     }) /
                      blocks;
  return {measurement("block forward", forward, 2 * product, 2 * activation, n),
          measurement("block forward and backward", both, 6 * product, 5 * activation, n)};
}

constexpr int jitter = 500;

/// A trainer on one batch of random examples.
class BenchmarkTrainer {
 public:
  BenchmarkTrainer(const parallel::Communicator& communicator, const BenchmarkSpec& spec)
      : m_trainer(communicator, m_signals, config_of(spec),
                  {data::examples_of(random_examples(spec.shape, spec.batch_size, jitter)),
                   data::examples_of(random_examples(spec.shape, spec.batch_size, 0))},
                  {}, {}) {
    m_trainer.begin_epoch(data::centred_order(spec.batch_size, jitter));
  }

  void steps(int n) { m_trainer.take_steps(n); }
  [[nodiscard]] std::string exchange() const { return m_trainer.exchange(); }

 private:
  static TrainConfig config_of(const BenchmarkSpec& spec) {
    TrainConfig config;
    config.model = spec.shape;
    config.precision = spec.precision;
    config.backend = spec.backend;
    config.batch_size = spec.batch_size;
    config.gradient_slices = spec.gradient_slices;
    config.data.windows = {spec.shape.in_window, spec.shape.out_window, jitter};
    config.directory = ".";
    config.checkpoint.seconds = 1e9;
    return config;
  }

  parallel::StopSignals m_signals;
  Trainer m_trainer;
};

}   // namespace

data::ExampleSet random_examples(const nn::ModelShape& shape, std::int64_t n_peaks, int max_jitter) {
  data::ExampleSet examples;
  NumpyRandom random(0);
  examples.chromosomes = {{"random", 0}};
  examples.n_peaks = n_peaks;
  examples.n_negatives = n_peaks / 4;
  examples.windows = {shape.in_window, shape.out_window, max_jitter};
  examples.max_jitter = max_jitter;
  const auto n = static_cast<std::size_t>(examples.size());
  examples.loci.resize(n);
  examples.centres.resize(n);
  int track = 0;
  for (int g = 0; g < shape.n_groups(); ++g) {
    for (int c = 0; c < shape.signal_groups[static_cast<std::size_t>(g)]; ++c) {
      examples.tracks.push_back({"track" + std::to_string(track++), g, ".", false});
    }
  }
  for (int k = 0; k < shape.n_controls; ++k) examples.tracks.push_back({"control" + std::to_string(k), k, ".", true});
  const auto fill = [&](auto& values, int channels, int width, std::uint32_t bound) {
    values.resize(n * static_cast<std::size_t>(channels * (width + 2 * max_jitter)));
    for (auto& value : values) value = static_cast<std::decay_t<decltype(value)>>(random.interval(bound - 1));
  };
  fill(examples.codes, 1, shape.in_window, 4);
  fill(examples.signal.bytes, shape.n_tracks(), shape.out_window, 3);
  fill(examples.control.bytes, shape.n_controls, shape.in_window, 3);
  return examples;
}

std::vector<Measurement> measure_ceilings(const BenchmarkSpec& spec) {
  const int workers = has_separate_device ? 1 << 18 : Device().concurrency();
  const View<float*, Device> sink("cheri::train::sink", static_cast<std::size_t>(workers));
  const double flops = peak_flops(Device(), spec.seconds, sink);
  constexpr std::size_t elements = std::size_t{1} << 26;
  const View<float*, Device> from("cheri::train::from", elements), to("cheri::train::to", elements);
  const double time = median_seconds(spec.seconds, [&] { Kokkos::deep_copy(Device(), to, from); });
  return {{"peak", 0, flops / 1e9, 0, 0}, measurement("copy", time, 0, 2.0 * 4 * elements)};
}

void require_slices(const parallel::Communicator& communicator, const BenchmarkSpec& spec) {
  CHERI_REQUIRE_INPUT(spec.batch_size % spec.gradient_slices == 0 && spec.gradient_slices % communicator.size() == 0,
                      "a batch of " << spec.batch_size << " cannot be cut into " << spec.gradient_slices
                                    << " gradient slices of one size, shared by " << communicator.size() << " ranks");
}

Measurement measure_step(const parallel::Communicator& communicator, const BenchmarkSpec& spec) {
  BenchmarkTrainer trainer(communicator, spec);
  constexpr int at_once = has_separate_device ? 16 : 1;   // as a run does
  trainer.steps(at_once);
  const double step = median_seconds(
                          spec.seconds, [&] { trainer.steps(at_once); }, &communicator) /
                      at_once;
  return measurement("training step", step, 3 * forward_flops(spec.shape) * spec.batch_size, 0, spec.batch_size);
}

std::vector<Measurement> measure_parts(const parallel::Communicator& communicator, const BenchmarkSpec& spec) {
  require_slices(communicator, spec);
  const int n = spec.batch_size;
  const data::Dataset<Device> dataset(random_examples(spec.shape, n, jitter));
  const View<data::Draw*, Device> draws("cheri::train::draws", static_cast<std::size_t>(n));
  const data::Batch<Device> batch = dataset.make_batch(n);
  const auto gather_batch = [&] { dataset.gather(Device(), batch, draws); };
  const double gather = median_seconds(spec.seconds, gather_batch);
  const double floats = spec.shape.n_tracks() * spec.shape.out_window + spec.shape.n_controls * spec.shape.in_window;

  std::vector<Measurement> results = measure_blocks(spec, batch);
  results.push_back(measurement("batch gather", gather, 0, n * (2.0 * spec.shape.in_window + 5 * floats), n));
  results.push_back(measure_step(communicator, spec));
  BenchmarkModel model(spec, batch, BenchmarkModel::Model::Mode::inference);
  const double inference = median_seconds(spec.seconds, [&] { model.forward(); });
  results.push_back(measurement("inference", inference, forward_flops(spec.shape) * n, 0, n));
  return results;
}

StepProfile profile_step(const parallel::Communicator& communicator, const BenchmarkSpec& spec) {
  constexpr int steps = 10;
  BenchmarkTrainer trainer(communicator, spec);
  trainer.steps(1);
  const KernelClock clock;
  const auto begun = std::chrono::steady_clock::now();
  trainer.steps(steps);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  StepProfile profile;
  profile.exchange = trainer.exchange();
  profile.outside_kernels = 1 - clock.seconds() / seconds;
  for (const auto& [label, kernel] : clock.kernels()) {
    profile.kernels.push_back({label, static_cast<double>(kernel.calls) / steps, 1e3 * kernel.seconds / steps});
  }
  return profile;
}

}   // namespace cheri::train
