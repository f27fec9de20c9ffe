// What a trained model is worth on a split it has not seen, and the files that say so.
#pragma once

#include "cheri/data/examples.hpp"
#include "cheri/nn/model.hpp"
#include "cheri/parallel/communicator.hpp"
#include "cheri/train/checkpoint.hpp"
#include "cheri/train/config.hpp"
#include "cheri/train/metrics.hpp"
#include "cheri/train/report.hpp"

#include <string>
#include <vector>

namespace cheri::train {

struct Evaluation {
  std::string split;   ///< "training", "validation" or "test"
  SplitScores scores;
  Metrics model, baseline;         ///< baseline: the mean training profile and log-count; on rank 0
  std::vector<std::string> loci;   ///< chrom:start-end of every example's output window, in the order of the scores
  std::vector<std::string> track_names, group_names;
  std::vector<LocusProfile> profiles;   ///< of a few peaks, on rank 0: of the most counts to the median
};

/// A model file: the path itself, or best.h5 of a run's directory.
std::string model_path(const std::string& file_or_directory);

/// Chromosomes of a split of the deck; throws InputError for a split that is not one, or has no chromosomes.
std::vector<std::string> chromosomes_of(const TrainConfig& config, const std::string& split);

/// chrom:start-end of the output window of every example.
std::vector<std::string> locus_names(const data::ExampleIndex& examples);

/// Throws InputError unless a model predicts the signals of the examples, in their groups, from their controls.
void require_tracks_of(const nn::ModelShape& shape, const data::ExampleIndex& examples);

/// The model of a checkpoint for inference: the moving average of its parameters.
nn::Model<float, Device> inference_model(const Device& exec, const Checkpoint& checkpoint, int capacity,
                                         nn::Precision precision);

/// Expected counts (T, W) of one example: the softmax over a group's channels and positions, times exp(log-count) - 1.
std::vector<float> expected_counts(const std::vector<int>& signal_groups, int window, const float* logits,
                                   const float* log_counts);

/// Runs the moving average of the checkpoint's parameters over a split; collective.
Evaluation evaluate(const parallel::Communicator& communicator, const TrainConfig& config, const Checkpoint& checkpoint,
                    const std::string& split);

/// metrics.json: the metrics of model and baseline on the split, by group and their mean.
std::string metrics_json(const TrainConfig& config, const Checkpoint& checkpoint, const Evaluation& evaluation);

/// metrics.json and report.html of the run's best model on its test split (validation where there is no test split) into the
/// run directory; collective. Returns the evaluation.
Evaluation write_results(const parallel::Communicator& communicator, const TrainConfig& config, const std::string& machine);

}   // namespace cheri::train
