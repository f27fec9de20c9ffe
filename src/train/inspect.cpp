#include "cheri/train/inspect.hpp"

#include "cheri/base/check.hpp"
#include "cheri/train/checkpoint.hpp"
#include "cheri/train/deck.hpp"
#include "cheri/train/predictions.hpp"

#include <array>
#include <filesystem>
#include <fstream>

#include <nlohmann/json.hpp>

namespace cheri::train {
namespace {

using Json = nlohmann::ordered_json;

Json as_json(const data::LociReport& report) {
  return {{"kept", report.kept},
          {"other chromosome", report.other_chromosome},
          {"beyond the chromosome", report.beyond_chromosome},
          {"outlier", report.outlier}};
}

}   // namespace

bool is_checkpoint(const std::string& path) {
  if (std::filesystem::is_directory(path)) return true;
  std::array<char, 8> begin{};
  std::ifstream(path, std::ios::binary).read(begin.data(), begin.size());
  return std::string(begin.data(), begin.size()) == "CHERICKP";
}

std::string inspect_checkpoint(const std::string& path) {
  std::string file = path;
  if (std::filesystem::is_directory(path)) {
    const std::vector<std::string> checkpoints = list_checkpoints(path);
    CHERI_REQUIRE_INPUT(!checkpoints.empty(), path << " holds no checkpoints");
    file = checkpoints.back();
  }
  const Checkpoint checkpoint = read_checkpoint(file);
  const nn::ModelShape& shape = checkpoint.shape;
  const TrainState& state = checkpoint.state;
  Json json;
  json["file"] = file;
  json["format"] = "cheri-checkpoint";
  json["made_by"] = checkpoint.made_by;
  json["model"] = {{"n_filters", shape.n_filters},
                   {"n_layers", shape.n_layers},
                   {"expansion", shape.expansion},
                   {"residual_scale", shape.residual_scale},
                   {"signal_groups", shape.signal_groups},
                   {"n_controls", shape.n_controls},
                   {"in_window", shape.in_window},
                   {"out_window", shape.out_window},
                   {"parameters", nn::ParameterTable(shape).size()}};
  json["step"] = state.step;
  json["epoch"] = state.epoch;
  json["epoch_step"] = state.epoch_step;
  json["finished"] = state.finished;
  json["loss_weights_frozen"] = state.loss_weights_frozen;
  json["best_metric"] = state.best_metric;
  json["best_epoch"] = state.best_epoch;
  json["digest"] = state_digest(state);
  return json.dump();
}

bool is_predictions(const std::string& path) {
  const data::Hdf5File file(path, data::Hdf5File::Access::read);
  return file.has_attribute("/", "format") && file.attribute<std::string>("/", "format") == predictions_format;
}

std::string inspect_predictions(const std::string& path) {
  const data::Hdf5File file(path, data::Hdf5File::Access::read);
  data::require_format(file, predictions_format, predictions_format_version);
  Json json{{"file", path}, {"format", predictions_format}};
  json["program"] = file.attribute<std::string>("/", "program");
  json["made_by"] = file.attribute<std::string>("/", "made_by");
  json["tracks"] = file.read_strings("/tracks/name");
  for (const char* name : {"/logits", "/log_counts"}) {
    json["datasets"].push_back({{"name", name}, {"type", name_of(file.type(name))}, {"extents", file.extents(name)}});
  }
  const std::vector<std::string> chromosomes = file.read_strings("/chromosomes/name");
  std::vector<std::int64_t> loci(chromosomes.size(), 0);
  for (const auto chromosome : file.read<std::int32_t>("/loci/chrom")) {
    CHERI_REQUIRE_INPUT(chromosome >= 0 && static_cast<std::size_t>(chromosome) < loci.size(),
                        path << ": /loci/chrom holds " << chromosome << ", and there are " << loci.size() << " chromosomes");
    ++loci[static_cast<std::size_t>(chromosome)];
  }
  for (std::size_t c = 0; c < loci.size(); ++c) json["loci"].push_back({{"chromosome", chromosomes[c]}, {"loci", loci[c]}});
  return json.dump();
}

std::string inspect_splits(const std::string& deck_path, const std::string& data_path) {
  TrainConfig config = read_deck(deck_path, {}).config;
  config.data.path = data_path;
  Json json;
  const auto add = [&](const char* name, const std::vector<std::string>& chromosomes, bool training) {
    if (chromosomes.empty()) return;
    const data::ExampleIndex index =
        data::open_examples(config.data, {chromosomes, training ? config.data.windows.max_jitter : 0, training}).index;
    json[name] = {{"peaks", as_json(index.peaks_report)}, {"negatives", as_json(index.negatives_report)}};
  };
  add("training", config.training_chromosomes, true);
  add("validation", config.validation_chromosomes, false);
  add("test", config.test_chromosomes, false);
  return json.dump();
}

}   // namespace cheri::train
