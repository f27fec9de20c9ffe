#include "cheri/base/files.hpp"
#include "cheri/train/deck.hpp"
#include "cheri/train/results.hpp"
#include "command.hpp"
#include "tables.hpp"

#include <fmt/format.h>

#include <memory>

namespace cheri::apps {
namespace {

struct EvaluateOptions {
  std::string model, split = "test", out, data;
  bool json = false;
};

int run_evaluate(const EvaluateOptions& options) {
  const train::Checkpoint checkpoint = train::read_checkpoint(train::model_path(options.model));
  train::TrainConfig config = train::parse_config(checkpoint.config, options.model);
  if (!options.data.empty()) config.data.path = options.data;
  // The deck's file can be streamed; another one perhaps not.
  if (config.data_mode == "stream" && !options.data.empty()) config.data_mode = "auto";
  const auto communicator = parallel::Communicator::world(config.timeout_seconds);
  const train::Evaluation evaluation = train::evaluate(communicator, config, checkpoint, options.split);
  if (!communicator.root()) return 0;
  const std::string text = options.json ? train::metrics_json(config, checkpoint, evaluation) : metrics_table(evaluation);
  if (options.out.empty()) fmt::print("{}", text);
  else write_text_file(options.out, text);
  return 0;
}

}   // namespace

void add_evaluate(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("evaluate", "metrics of a model on a split, beside those of a constant baseline");
  const auto options = std::make_shared<EvaluateOptions>();
  command->add_option("model", options->model, "a run's directory (its best model) or a model file")->required();
  command->add_option("--split", options->split, "training, validation or test")->capture_default_str();
  command->add_option("--data", options->data, "another tracks or examples file than the run's");
  command->add_flag("--json", options->json, "JSON instead of a tab-separated table");
  command->add_option("--out", options->out, "a file instead of standard output");
  command->footer("Example:  cheri evaluate runs/reb1 --split test");
  command->callback(
      [options, &action] { action = [options](const parallel::Communicator&) { return run_evaluate(*options); }; });
}

}   // namespace cheri::apps
