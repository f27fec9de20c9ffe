#include "cheri/train/results.hpp"

#include "cheri/base/check.hpp"
#include "cheri/base/files.hpp"
#include "cheri/train/data_mode.hpp"
#include "cheri/train/evaluate.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <numeric>

#include <nlohmann/json.hpp>

namespace cheri::train {
namespace {

constexpr int capacity = 64;
constexpr std::size_t n_profiles = 6;

/// Peaks at evenly spaced ranks of their observed counts, from the largest to the median.
std::vector<std::size_t> profile_loci(const SplitScores& scores) {
  const std::size_t groups = scores.signal_groups.size();
  std::vector<std::size_t> order(static_cast<std::size_t>(scores.n_peaks));
  std::iota(order.begin(), order.end(), 0u);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return scores.observed[a * groups] > scores.observed[b * groups]; });
  std::vector<std::size_t> chosen;
  const std::size_t count = std::min(n_profiles, order.size());
  for (std::size_t i = 0; i < count; ++i) chosen.push_back(order[i * order.size() / 2 / count]);
  return chosen;
}

LocusProfile profile_of(const PredictedChunk& chunk, const std::vector<int>& signal_groups, const std::string& title) {
  const auto logits = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), chunk.output.logits_NTW);
  const auto log_counts = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), chunk.output.log_counts_NG);
  const auto signal = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), chunk.signal_NTW);
  return {title, std::vector<float>(signal.data(), signal.data() + signal.size()),
          expected_counts(signal_groups, static_cast<int>(logits.extent(2)), logits.data(), log_counts.data())};
}

nlohmann::json as_json(const Metrics& metrics) { return nlohmann::json::parse(to_json(metrics)); }

}   // namespace

std::string model_path(const std::string& file_or_directory) {
  const std::filesystem::path path(file_or_directory), best = path / "best.h5";
  if (!std::filesystem::is_directory(path)) return file_or_directory;
  if (std::filesystem::exists(best)) return best.string();
  const std::vector<std::string> checkpoints = list_checkpoints(file_or_directory);
  const bool is_run = !checkpoints.empty() || std::filesystem::exists(path / "deck.toml");
  CHERI_REQUIRE_INPUT(is_run, file_or_directory << " is no directory of a run: it has no best.h5, checkpoints or deck.toml");
  const std::string other = checkpoints.empty() ? "" : ". Or name its newest checkpoint instead, " + checkpoints.back();
  throw InputError(file_or_directory +
                   " has no best.h5 yet: a run writes it with the first checkpoint after an epoch. If it is training, wait "
                   "(checkpoint.seconds of its deck says how long); if it was stopped, go on with it by `cheri train`" +
                   other);
}

std::vector<std::string> locus_names(const data::ExampleIndex& examples) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < static_cast<std::size_t>(examples.size()); ++i) {
    const std::int64_t begin = examples.centres[i] - examples.windows.out_window / 2;
    const std::string& chromosome = examples.chromosomes[static_cast<std::size_t>(examples.loci[i].chromosome)].name;
    names.push_back(chromosome + ":" + std::to_string(begin) + "-" + std::to_string(begin + examples.windows.out_window));
  }
  return names;
}

void require_tracks_of(const nn::ModelShape& shape, const data::ExampleIndex& examples) {
  CHERI_REQUIRE_INPUT(examples.signal_groups() == shape.signal_groups && examples.n_controls() == shape.n_controls,
                      "the data's tracks are not those the model was trained on: "
                          << examples.n_signals() << " signals in " << examples.signal_groups().size() << " groups and "
                          << examples.n_controls() << " controls for " << shape.n_tracks() << " in " << shape.n_groups()
                          << " and " << shape.n_controls);
}

nn::Model<float, Device> inference_model(const Device& exec, const Checkpoint& checkpoint, int capacity,
                                         nn::Precision precision) {
  nn::Model<float, Device> model(checkpoint.shape, capacity, 1, nn::Model<float, Device>::Mode::inference, precision);
  const View<float*, Device> parameters("cheri::train::parameters", checkpoint.state.ema.size());
  Kokkos::deep_copy(parameters, HostView<const float*>(checkpoint.state.ema.data(), checkpoint.state.ema.size()));
  model.load(exec, parameters);
  exec.fence("cheri::train::inference_model");
  return model;
}

std::vector<float> expected_counts(const std::vector<int>& signal_groups, int window, const float* logits,
                                   const float* log_counts) {
  std::vector<float> expected;
  for (std::size_t g = 0; g < signal_groups.size(); ++g) {
    const std::size_t size = static_cast<std::size_t>(signal_groups[g]) * static_cast<std::size_t>(window);
    const double largest = static_cast<double>(*std::max_element(logits, logits + size));
    double partition = 0;
    for (std::size_t i = 0; i < size; ++i) partition += std::exp(static_cast<double>(logits[i]) - largest);
    const double counts = std::max(0.0, std::expm1(static_cast<double>(log_counts[g])));
    for (std::size_t i = 0; i < size; ++i) {
      expected.push_back(static_cast<float>(counts * std::exp(static_cast<double>(logits[i]) - largest) / partition));
    }
    logits += size;
  }
  return expected;
}

std::vector<std::string> chromosomes_of(const TrainConfig& config, const std::string& split) {
  CHERI_REQUIRE_INPUT(split == "training" || split == "validation" || split == "test",
                      "a split is training, validation or test, not " << split);
  const auto& chromosomes = split == "training"     ? config.training_chromosomes
                            : split == "validation" ? config.validation_chromosomes
                                                    : config.test_chromosomes;
  CHERI_REQUIRE_INPUT(!chromosomes.empty(), "the deck names no " << split << " chromosomes");
  return chromosomes;
}

Evaluation evaluate(const parallel::Communicator& communicator, const TrainConfig& config, const Checkpoint& checkpoint,
                    const std::string& split) {
  const data::Examples opened = open_split(communicator, config.data, {chromosomes_of(config, split), 0, false});
  const data::ExampleIndex& examples = opened.index;
  require_tracks_of(checkpoint.shape, examples);
  const Device exec;
  nn::Model<float, Device> model = inference_model(exec, checkpoint, capacity, config.precision_wanted());
  data::Feed<Device> feed =
      planned_feed(communicator, config.data_mode, config.share_gpus, opened, Chunks::slots(opened, capacity));
  Predictor predictor(checkpoint.shape, examples, feed, capacity);

  Evaluation evaluation;
  evaluation.split = split;
  evaluation.scores = predictor.score(exec, communicator, model);
  evaluation.model = summarise(evaluation.scores);
  const data::Examples training =
      open_split(communicator, config.data, {config.training_chromosomes, config.data.windows.max_jitter, true});
  evaluation.loci = locus_names(examples);
  for (const data::Track& track : examples.tracks) {
    if (!track.control) evaluation.track_names.push_back(track.name);
  }
  std::size_t first = 0;
  for (const int channels : examples.signal_groups()) {
    evaluation.group_names.push_back(evaluation.track_names[first]);
    first += static_cast<std::size_t>(channels);
  }
  if (!communicator.root()) return evaluation;
  evaluation.baseline = summarise(score_baseline(exec, mean_baseline(training), examples, feed));
  for (const std::size_t i : profile_loci(evaluation.scores)) {
    const auto at = static_cast<std::int64_t>(i);
    predictor.predict(exec, model, {at, at + 1}, [&](const PredictedChunk& chunk) {
      evaluation.profiles.push_back(profile_of(chunk, checkpoint.shape.signal_groups, evaluation.loci[i]));
    });
  }
  return evaluation;
}

std::string metrics_json(const TrainConfig& config, const Checkpoint& checkpoint, const Evaluation& evaluation) {
  nlohmann::json json;
  json["name"] = config.name;
  json["split"] = evaluation.split;
  json["step"] = checkpoint.state.step;
  json["epoch"] = checkpoint.state.epoch;
  json["peaks"] = evaluation.scores.n_peaks;
  json["negatives"] = evaluation.scores.n_negatives;
  json["groups"] = evaluation.group_names;
  json["model"] = as_json(evaluation.model);
  json["baseline"] = as_json(evaluation.baseline);
  json["digest"] = state_digest(checkpoint.state);
  return json.dump(2) + "\n";
}

Evaluation write_results(const parallel::Communicator& communicator, const TrainConfig& config, const std::string& machine) {
  const auto directory = std::filesystem::path(config.directory);
  const Checkpoint best = read_checkpoint((directory / "best.h5").string());
  const Checkpoint last = read_checkpoint((directory / "final.h5").string());
  const Evaluation evaluation =
      evaluate(communicator, config, best, config.test_chromosomes.empty() ? "validation" : "test");
  if (!communicator.root()) return evaluation;
  write_text_file((directory / "metrics.json").string(), metrics_json(config, best, evaluation));
  const ReportInput report{config.name,
                           best.config,
                           machine,
                           last.state.log,
                           evaluation.split,
                           evaluation.scores,
                           evaluation.model,
                           evaluation.baseline,
                           evaluation.track_names,
                           evaluation.group_names,
                           best.shape.out_window,
                           evaluation.profiles};
  write_text_file((directory / "report.html").string(), render_report(report));
  return evaluation;
}

}   // namespace cheri::train
