// Predictions of a model at loci, as files.
#pragma once

#include "cheri/data/examples.hpp"
#include "cheri/nn/precision.hpp"
#include "cheri/parallel/communicator.hpp"
#include "cheri/train/checkpoint.hpp"

#include <string>
#include <vector>

namespace cheri::train {

inline constexpr const char* predictions_format = "cheri-predictions";
inline constexpr int predictions_format_version = 1;

/// Of n examples, in their order: logits (n, T, W), log-counts (n, G).
struct Predictions {
  std::vector<int> signal_groups;
  int window = 0;
  std::vector<float> logits, log_counts;
};

/// Every rank predicts its share; all have the whole, the same for any number of ranks. Collective. Throws InputError if the
/// examples do not fit the model.
Predictions predict(const parallel::Communicator& communicator, const Checkpoint& checkpoint, const data::Examples& examples,
                    const std::string& data_mode = "auto", nn::Precision precision = nn::Precision::fp32,
                    bool share_gpus = false);

/// HDF5: /logits (n,T,W), /log_counts (n,G), /loci/{chrom,start,end} of the output windows, /chromosomes/name, /tracks.
void write_predictions(const std::string& path, const Predictions& predictions, const data::ExampleIndex& examples,
                       const std::string& made_by);

/// PREFIX.<track>.bw for each signal: expected counts, the mean where windows overlap. Returns the paths.
std::vector<std::string> write_prediction_tracks(const std::string& prefix, const Predictions& predictions,
                                                 const data::ExampleIndex& examples);

}   // namespace cheri::train
