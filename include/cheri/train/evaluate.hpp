// Predictions and scores of a split, on any number of ranks with the same results.
#pragma once

#include "cheri/data/examples.hpp"
#include "cheri/data/feed.hpp"
#include "cheri/nn/model.hpp"
#include "cheri/parallel/communicator.hpp"
#include "cheri/train/metrics.hpp"
#include "cheri/train/score_table.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

namespace cheri::train {

/// Consecutive examples of a split, centred and unreversed, chunk by chunk. Buffers are taken in the constructor.
class Chunks {
 public:
  /// Slots of a feed in which the next chunks are read while one is used.
  static std::int64_t slots(const data::Examples& examples, int capacity) { return data::ring_slots(examples, capacity, 4); }

  /// Chunks of `capacity` examples at most. The feed outlives this.
  Chunks(const data::ExampleIndex& examples, data::Feed<Device>& feed, int capacity);

  /// Examples that visit() will be called for next: their reading begins.
  void prefetch(parallel::Range range);

  /// Calls `use` for the chunks of the examples [range.begin, range.end): the first of them, and the batch. What reads a
  /// batch is enqueued on exec, or waits for it, before `use` returns.
  void visit(const Device& exec, parallel::Range range,
             const std::function<void(parallel::Range, const data::Batch<Device>&)>& use);

 private:
  int m_max_jitter;
  int m_capacity;
  data::Feed<Device>* m_feed;
  data::Batch<Device> m_batch;
  View<data::Draw*, Device> m_draws;   ///< of all examples
  std::optional<parallel::Range> m_queued;
};

/// One chunk of consecutive examples: predictions and data, on the device, which may still be computing them.
struct PredictedChunk {
  std::int64_t first = 0;
  int size = 0;
  nn::ModelOutput<float, Device> output;
  View<const float***, Device> signal_NTW;
};

/// Runs a model over the examples of a feed. Buffers are taken in the constructor.
class Predictor {
 public:
  /// The feed outlives this.
  Predictor(const nn::ModelShape& shape, const data::ExampleIndex& examples, data::Feed<Device>& feed, int capacity);

  /// Calls `visit` for consecutive chunks of the examples [range.begin, range.end). What reads a chunk is enqueued on exec,
  /// or waits for it, before `visit` returns.
  void predict(const Device& exec, nn::Model<float, Device>& model, parallel::Range range,
               const std::function<void(const PredictedChunk&)>& visit);

  /// The examples that score() will read next: their reading begins.
  void prefetch(const parallel::Communicator& communicator);

  /// Every rank scores its share of the examples; all have the whole result, in the order of the examples.
  SplitScores score(const Device& exec, const parallel::Communicator& communicator, nn::Model<float, Device>& model);

 private:
  [[nodiscard]] parallel::Range share(const parallel::Communicator& communicator) const;

  std::vector<int> m_signal_groups;
  std::int64_t m_n_peaks, m_size;
  Chunks m_chunks;
  nn::ModelOutput<float, Device> m_output;
  ScoreTable m_scores;
};

/// What knows nothing of the sequence: the mean profile (T, W) of the training peaks, each peak's channel scaled to sum 1,
/// and per group the mean of their log(1 + counts).
struct Baseline {
  std::vector<float> profile;
  std::vector<double> log_counts;
};

Baseline mean_baseline(const data::Examples& training);

/// Scores of the baseline on a split, computed like a model's.
SplitScores score_baseline(const Device& exec, const Baseline& baseline, const data::ExampleIndex& examples,
                           data::Feed<Device>& feed);

}   // namespace cheri::train
