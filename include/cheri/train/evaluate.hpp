// Predictions and scores of a split, on any number of ranks with the same results.
#pragma once

#include "cheri/data/dataset.hpp"
#include "cheri/nn/model.hpp"
#include "cheri/parallel/communicator.hpp"
#include "cheri/train/metrics.hpp"
#include "cheri/train/score_table.hpp"

#include <functional>
#include <vector>

namespace cheri::train {

/// One chunk of consecutive examples: predictions and data, on the device, which may still be computing them.
struct PredictedChunk {
  std::int64_t first = 0;
  int size = 0;
  nn::ModelOutput<float, Device> output;
  View<const float***, Device> signal_NTW;
};

/// Runs a model over the examples of a data set, centred and unreversed. Buffers are taken in the constructor.
class Predictor {
 public:
  Predictor(const nn::ModelShape& shape, const data::ExampleSet& examples, const data::Dataset<Device>& dataset,
            int capacity);

  /// Calls `visit` for consecutive chunks of the examples [range.begin, range.end). What reads a chunk is enqueued on exec,
  /// or waits for it, before `visit` returns.
  void predict(const Device& exec, nn::Model<float, Device>& model, parallel::Range range,
               const std::function<void(const PredictedChunk&)>& visit);

  /// Every rank scores its share of the examples; all have the whole result, in the order of the examples.
  SplitScores score(const Device& exec, const parallel::Communicator& communicator, nn::Model<float, Device>& model);

 private:
  std::vector<int> m_signal_groups;
  std::int64_t m_n_peaks;
  int m_capacity;
  const data::Dataset<Device>* m_dataset;
  data::Batch<Device> m_batch;
  View<data::Draw*, Device> m_draws;
  nn::ModelOutput<float, Device> m_output;
  ScoreTable m_scores;
};

/// What knows nothing of the sequence: the mean profile (T, W) of the training peaks, each peak's channel scaled to sum 1,
/// and per group the mean of their log(1 + counts).
struct Baseline {
  std::vector<float> profile;
  std::vector<double> log_counts;
};

Baseline mean_baseline(const data::ExampleSet& training);

/// Scores of the baseline on a split, computed like a model's.
SplitScores score_baseline(const Device& exec, const Baseline& baseline, const data::ExampleSet& examples,
                           const data::Dataset<Device>& dataset);

}   // namespace cheri::train
