#include "cheri/train/benchmark.hpp"

#include "command.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <memory>

namespace cheri::apps {

void add_bench(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("bench", "time the parts of a training step beside this machine's ceilings; JSON");
  const auto spec = std::make_shared<train::BenchmarkSpec>();
  command->add_option("--filters", spec->shape.n_filters)->capture_default_str();
  command->add_option("--layers", spec->shape.n_layers)->capture_default_str();
  command->add_option("--in-window", spec->shape.in_window)->capture_default_str();
  command->add_option("--out-window", spec->shape.out_window)->capture_default_str();
  command->add_option("--groups", spec->shape.signal_groups, "channels of each signal group")->capture_default_str();
  command->add_option("--precision", spec->precision, "auto, fp32, tf32 or bf16; on a GPU")->capture_default_str();
  command->add_option("--exchange", spec->backend, "between ranks: auto, nccl, mpi-device or mpi-host")
      ->capture_default_str();
  command->add_option("--batch", spec->batch_size)->check(CLI::PositiveNumber)->capture_default_str();
  command->add_option("--slices", spec->gradient_slices, "gradient slices of the batch")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--seconds", spec->seconds, "on each measurement")->capture_default_str();
  command->footer("Example:  OMP_NUM_THREADS=2 cheri bench --batch 16");
  command->callback([spec, &action] {
    action = [spec](const parallel::Communicator& communicator) {
      spec->shape.check();
      nlohmann::ordered_json json;
      json["machine"] = machine_text(communicator);
      json["backend"] = Device::name();
      json["ranks"] = communicator.size();
      json["threads"] = Host().concurrency();
      json["precision"] = spec->precision;
      json["filters"] = spec->shape.n_filters;
      json["layers"] = spec->shape.n_layers;
      json["in_window"] = spec->shape.in_window;
      json["out_window"] = spec->shape.out_window;
      json["batch"] = spec->batch_size;
      const auto add = [&](const char* key, const std::vector<train::Measurement>& measurements) {
        for (const train::Measurement& m : measurements) {
          json[key].push_back({{"what", m.what},
                               {"ms", m.milliseconds},
                               {"gflops", m.gflops},
                               {"gigabytes_per_second", m.gigabytes},
                               {"examples_per_second", m.examples_per_second}});
        }
      };
      add("ceilings", train::measure_ceilings(*spec));
      add("parts", train::measure_parts(communicator, *spec));
      const train::StepProfile profile = train::profile_step(communicator, *spec);
      if (communicator.size() > 1) json["training_step"]["exchange"] = profile.exchange;
      json["training_step"]["outside_kernels"] = profile.outside_kernels;
      for (const auto& kernel : profile.kernels) {
        json["training_step"]["kernels"].push_back(
            {{"label", kernel.label}, {"calls", kernel.calls}, {"ms", kernel.milliseconds}});
      }
      if (communicator.root()) fmt::print("{}\n", json.dump(2));
      return 0;
    };
  });
}

}   // namespace cheri::apps
