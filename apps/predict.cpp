#include "cheri/train/predictions.hpp"

#include "cheri/train/data_mode.hpp"
#include "cheri/train/deck.hpp"
#include "cheri/train/results.hpp"
#include "command.hpp"

#include <spdlog/spdlog.h>

#include <memory>

namespace cheri::apps {
namespace {

struct PredictOptions {
  std::string model, split = "test", regions, out, bigwig, data;
};

/// Regions without a prediction are said: a file with fewer loci than lines would go unnoticed.
void note_left_out(const PredictOptions& options, const data::LociReport& report) {
  if (options.regions.empty()) return;
  if (report.other_chromosome > 0)
    spdlog::warn("{}: {} regions left out, on chromosomes that the data do not have", options.regions,
                 report.other_chromosome);
  if (report.beyond_chromosome > 0)
    spdlog::warn("{}: {} regions left out, too near to the end of a chromosome", options.regions, report.beyond_chromosome);
}

int run_predict(const PredictOptions& options) {
  const train::Checkpoint checkpoint = train::read_checkpoint(train::model_path(options.model));
  train::TrainConfig config = train::parse_config(checkpoint.config, options.model);
  if (!options.data.empty()) config.data.path = options.data;
  const bool of_regions = !options.regions.empty();
  // The deck's file can be streamed; another one perhaps not.
  if (config.data_mode == "stream" && (of_regions || !options.data.empty())) config.data_mode = "auto";
  const auto communicator = parallel::Communicator::world(config.timeout_seconds);
  const data::Examples examples =
      of_regions ? data::open_regions(config.data, options.regions)
                 : train::open_split(communicator, config.data, {train::chromosomes_of(config, options.split), 0, false});
  note_left_out(options, examples.index.peaks_report);
  const train::Predictions predictions =
      train::predict(communicator, checkpoint, examples, config.data_mode, config.precision_wanted(), config.share_gpus);
  if (!communicator.root()) return 0;
  train::write_predictions(options.out, predictions, examples.index, command_line());
  spdlog::info("wrote {}: {} loci", options.out, examples.index.size());
  if (options.bigwig.empty()) return 0;
  for (const std::string& path : train::write_prediction_tracks(options.bigwig, predictions, examples.index))
    spdlog::info("wrote {}", path);
  return 0;
}

}   // namespace

void add_predict(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("predict", "profiles and counts at loci, as HDF5 and bigWig");
  const auto options = std::make_shared<PredictOptions>();
  command->add_option("model", options->model, "a run's directory (its best model) or a model file")->required();
  command->add_option("--split", options->split, "training, validation or test: the loci of that split")
      ->capture_default_str();
  command->add_option("--regions", options->regions, "BED: one window around the centre of each line instead");
  command->add_option("--data", options->data, "another tracks or examples file than the run's");
  command->add_option("--out", options->out, "the HDF5 file to write")->required();
  command->add_option("--bigwig", options->bigwig,
                      "also PREFIX.<track>.bw: expected counts, the mean where windows overlap");
  command->footer("Example:  mpirun -n 2 cheri predict runs/reb1 --regions genes.bed --out genes.h5 --bigwig genes");
  command->callback(
      [options, &action] { action = [options](const parallel::Communicator&) { return run_predict(*options); }; });
}

}   // namespace cheri::apps
