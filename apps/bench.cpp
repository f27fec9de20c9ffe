#include "cheri/train/benchmark.hpp"
#include "cheri/train/scaling.hpp"

#include "command.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <memory>

namespace cheri::apps {
namespace {

using Json = nlohmann::ordered_json;

struct ScalingOptions {
  bool wanted = false;
  double latency_us = 0, bandwidth_gb = 0;
  int ranks_of_node = train::ExchangeModel{}.ranks_of_node;

  [[nodiscard]] train::ExchangeModel given() const { return {0, 1e-6 * latency_us, 1e9 * bandwidth_gb, ranks_of_node}; }
};

/// The machine, and what is timed on it.
Json head(const parallel::Communicator& communicator, const train::BenchmarkSpec& spec) {
  return {{"machine", machine_text(communicator)}, {"device", Device::name()},
          {"ranks", communicator.size()},          {"threads", Host().concurrency()},
          {"precision", spec.precision},           {"filters", spec.shape.n_filters},
          {"layers", spec.shape.n_layers},         {"in_window", spec.shape.in_window},
          {"out_window", spec.shape.out_window},   {"batch", spec.batch_size}};
}

Json to_json(const std::vector<train::Measurement>& measurements) {
  Json json;
  for (const train::Measurement& m : measurements) {
    json.push_back({{"what", m.what},
                    {"ms", m.milliseconds},
                    {"gflops", m.gflops},
                    {"gigabytes_per_second", m.gigabytes},
                    {"examples_per_second", m.examples_per_second}});
  }
  return json;
}

void add_parts(Json& json, const parallel::Communicator& communicator, const train::BenchmarkSpec& spec) {
  json["ceilings"] = to_json(train::measure_ceilings(spec));
  json["parts"] = to_json(train::measure_parts(communicator, spec));
  const train::StepProfile profile = train::profile_step(communicator, spec);
  if (communicator.size() > 1) json["training_step"]["exchange"] = profile.exchange;
  json["training_step"]["outside_kernels"] = profile.outside_kernels;
  for (const auto& kernel : profile.kernels) {
    json["training_step"]["kernels"].push_back(
        {{"label", kernel.label}, {"calls", kernel.calls}, {"ms", kernel.milliseconds}});
  }
}

Json to_json(const std::vector<train::ScaledStep>& steps) {
  Json json = Json::array();
  for (const train::ScaledStep& step : steps) {
    json.push_back({{"ranks", step.ranks},
                    {"batch", step.batch},
                    {"ms", step.milliseconds},
                    {"exchange_ms", step.exchange_milliseconds},
                    {"examples_per_second", step.examples_per_second},
                    {"efficiency", step.efficiency}});
    if (step.measured_milliseconds > 0) json.back()["measured_ms"] = step.measured_milliseconds;
  }
  return json;
}

Json to_json(const train::Scaling& scaling) {
  Json json;
  for (const train::LocalStep& step : scaling.steps) {
    json["local_steps"].push_back({{"examples", step.examples}, {"ms", step.milliseconds}});
  }
  if (!scaling.transport.empty()) json["exchange"] = scaling.transport;
  for (const train::Exchange& exchange : scaling.exchanges) {
    json["exchanges"].push_back({{"ranks", exchange.ranks},
                                 {"floats", exchange.floats},
                                 {"ms", exchange.milliseconds},
                                 {"predicted_ms", 1e3 * scaling.model.seconds(exchange)}});
  }
  json["start_us"] = 1e6 * scaling.model.start;
  json["latency_us"] = 1e6 * scaling.model.latency;
  json["bandwidth_gigabytes_per_second"] = scaling.model.bandwidth / 1e9;
  json["assumptions"] = train::scaling_assumptions(scaling.model.ranks_of_node);
  json["strong"] = to_json(scaling.strong);
  json["weak"] = to_json(scaling.weak);
  return json;
}

}   // namespace

void add_bench(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("bench", "time the parts of a training step beside this machine's ceilings; JSON");
  const auto spec = std::make_shared<train::BenchmarkSpec>();
  command->add_option("--filters", spec->shape.n_filters)->capture_default_str();
  command->add_option("--layers", spec->shape.n_layers)->capture_default_str();
  command->add_option("--in-window", spec->shape.in_window)->capture_default_str();
  command->add_option("--out-window", spec->shape.out_window)->capture_default_str();
  command->add_option("--groups", spec->shape.signal_groups, "channels of each signal group")->capture_default_str();
  command->add_option("--precision", spec->precision, "auto, fp32, tf32 or bf16; on a GPU")->capture_default_str();
  command->add_option("--backend", spec->backend, "between ranks: auto, nccl, mpi-device or mpi-host")
      ->capture_default_str();
  command->add_option("--batch", spec->batch_size)->check(CLI::PositiveNumber)->capture_default_str();
  command->add_option("--slices", spec->gradient_slices, "gradient slices of the batch")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--seconds", spec->seconds, "on each measurement")->capture_default_str();
  const auto scaling = std::make_shared<ScalingOptions>();
  command->add_flag("--scaling", scaling->wanted,
                    "how a step scales over ranks instead: measured on these, predicted for up to 512");
  command->add_option("--latency", scaling->latency_us, "of a message between two ranks, in microseconds; 0: measured")
      ->check(CLI::NonNegativeNumber);
  command->add_option("--bandwidth", scaling->bandwidth_gb, "of a rank's link, in GB/s; 0: measured")
      ->check(CLI::NonNegativeNumber);
  command->add_option("--ranks-of-node", scaling->ranks_of_node, "of the cluster that is predicted")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->footer("Example:  OMP_NUM_THREADS=2 cheri bench --batch 16\n          mpirun -n 2 cheri bench --scaling");
  command->callback([spec, scaling, &action] {
    action = [spec, scaling](const parallel::Communicator& communicator) {
      spec->shape.check();
      nlohmann::ordered_json json = head(communicator, *spec);
      if (scaling->wanted) {
        json["scaling"] = to_json(train::measure_scaling(communicator, *spec, scaling->given()));
      } else {
        add_parts(json, communicator, *spec);
      }
      if (communicator.root()) fmt::print("{}\n", json.dump(2));
      return 0;
    };
  });
}

}   // namespace cheri::apps
