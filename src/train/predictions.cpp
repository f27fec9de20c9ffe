#include "cheri/train/predictions.hpp"

#include "cheri/base/check.hpp"
#include "cheri/train/data_mode.hpp"
#include "cheri/train/evaluate.hpp"
#include "cheri/train/results.hpp"
#include "data/raw_files.hpp"

#include <algorithm>

namespace cheri::train {
namespace {

constexpr int capacity = 64;

/// First position of an example's output window.
std::int64_t window_begin(const data::ExampleIndex& examples, std::size_t i) {
  return examples.centres[i] - examples.windows.out_window / 2;
}

/// Values of one track on one chromosome: the mean of the expected counts of all windows over a position.
std::vector<float> chromosome_values(const data::ExampleIndex& examples, const std::vector<std::size_t>& rows,
                                     const std::vector<std::vector<float>>& expected, std::size_t track) {
  const auto window = static_cast<std::int64_t>(examples.windows.out_window);
  const auto length = static_cast<std::size_t>(
      examples.chromosomes[static_cast<std::size_t>(examples.loci[rows.front()].chromosome)].length);
  std::vector<float> sums(length, 0), windows(length, 0);
  for (const std::size_t row : rows) {
    for (std::int64_t w = 0; w < window; ++w) {
      const auto at = static_cast<std::size_t>(window_begin(examples, row) + w);
      sums[at] += expected[row][track * static_cast<std::size_t>(window) + static_cast<std::size_t>(w)];
      windows[at] += 1;
    }
  }
  for (std::size_t i = 0; i < sums.size(); ++i) sums[i] /= std::max(1.0f, windows[i]);
  return sums;
}

}   // namespace

Predictions predict(const parallel::Communicator& communicator, const Checkpoint& checkpoint, const data::Examples& examples,
                    const std::string& data_mode, nn::Precision precision, bool share_gpus) {
  const nn::ModelShape& shape = checkpoint.shape;
  require_tracks_of(shape, examples.index);
  const Device exec;
  nn::Model<float, Device> model = inference_model(exec, checkpoint, capacity, precision);
  data::Feed<Device> feed = planned_feed(communicator, data_mode, share_gpus, examples, Chunks::slots(examples, capacity));
  Predictor predictor(shape, examples.index, feed, capacity);
  Predictions predictions{shape.signal_groups, shape.out_window, {}, {}};
  const auto append = [](std::vector<float>& values, const auto& view) {
    const auto host = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), view);
    values.insert(values.end(), host.data(), host.data() + host.size());
  };
  predictor.predict(exec, model, parallel::range_of_rank(examples.index.size(), communicator.rank(), communicator.size()),
                    [&](const PredictedChunk& chunk) {
                      append(predictions.logits, chunk.output.logits_NTW);
                      append(predictions.log_counts, chunk.output.log_counts_NG);
                    });
  predictions.logits = communicator.gather_all(predictions.logits);
  predictions.log_counts = communicator.gather_all(predictions.log_counts);
  return predictions;
}

void write_predictions(const std::string& path, const Predictions& predictions, const data::ExampleIndex& examples,
                       const std::string& made_by) {
  const auto n = static_cast<std::uint64_t>(examples.size());
  std::vector<std::int32_t> chromosomes;
  std::vector<std::int64_t> begins, ends;
  for (std::size_t i = 0; i < n; ++i) {
    chromosomes.push_back(examples.loci[i].chromosome);
    begins.push_back(window_begin(examples, i));
    ends.push_back(begins.back() + examples.windows.out_window);
  }
  std::vector<std::string> tracks, names;
  for (const data::Chromosome& chromosome : examples.chromosomes) names.push_back(chromosome.name);
  for (const data::Track& track : examples.tracks) {
    if (!track.control) tracks.push_back(track.name);
  }
  data::Hdf5File file(path, data::Hdf5File::Access::create);
  data::set_format(file, predictions_format, predictions_format_version, made_by);
  file.write("/logits", predictions.logits, {n, tracks.size(), static_cast<std::uint64_t>(predictions.window)});
  file.write("/log_counts", predictions.log_counts, {n, predictions.signal_groups.size()});
  file.write("/loci/chrom", chromosomes);
  file.write("/loci/start", begins);
  file.write("/loci/end", ends);
  file.write_strings("/chromosomes/name", names);
  file.write_strings("/tracks/name", tracks);
  file.close();
}

std::vector<std::string> write_prediction_tracks(const std::string& prefix, const Predictions& predictions,
                                                 const data::ExampleIndex& examples) {
  for (const data::Chromosome& chromosome : examples.chromosomes) {
    CHERI_REQUIRE_INPUT(chromosome.length > 0,
                        "the data do not tell the length of " << chromosome.name << ", which a bigWig needs");
  }
  const auto tracks = static_cast<std::size_t>(examples.n_signals()), groups = predictions.signal_groups.size();
  const std::size_t record = tracks * static_cast<std::size_t>(predictions.window);
  std::vector<std::vector<float>> expected;
  std::vector<std::vector<std::size_t>> rows_of_chromosome(examples.chromosomes.size());
  for (std::size_t i = 0; i < static_cast<std::size_t>(examples.size()); ++i) {
    expected.push_back(expected_counts(predictions.signal_groups, predictions.window, &predictions.logits[i * record],
                                       &predictions.log_counts[i * groups]));
    rows_of_chromosome[static_cast<std::size_t>(examples.loci[i].chromosome)].push_back(i);
  }
  std::vector<std::string> paths;
  for (std::size_t t = 0; t < tracks; ++t) {
    std::vector<std::vector<float>> values(examples.chromosomes.size());
    std::vector<data::NamedValues> named;
    for (std::size_t c = 0; c < values.size(); ++c) {
      if (rows_of_chromosome[c].empty()) continue;
      values[c] = chromosome_values(examples, rows_of_chromosome[c], expected, t);
      named.push_back({examples.chromosomes[c].name, &values[c]});
    }
    paths.push_back(prefix + "." + examples.tracks[t].name + ".bw");
    data::write_bigwig(paths.back(), named);
  }
  return paths;
}

}   // namespace cheri::train
