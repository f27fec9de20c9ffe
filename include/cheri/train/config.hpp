// Everything that decides a training run. A deck is read into it (deck.hpp), a checkpoint carries it as TOML.
#pragma once

#include "cheri/data/examples.hpp"
#include "cheri/data/import.hpp"
#include "cheri/nn/precision.hpp"
#include "cheri/nn/shape.hpp"
#include "cheri/train/metrics.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace cheri::train {

/// bigWig files in groups: the files of a group share a log-count, and a group of two is a stranded pair (+, -).
using TrackFiles = std::vector<std::vector<std::string>>;

/// Signals, then controls, as sources of an import. A track is named after its file, without the folder and the ending;
/// where two would be named alike, the later one gets a number.
std::vector<data::SignalSource> track_sources(const TrackFiles& signals, const TrackFiles& controls);

/// The files of the signals or of the controls among such sources.
TrackFiles track_files(const std::vector<data::SignalSource>& sources, bool control);

struct OptimiserConfig {
  double muon_lr = 0.025;
  double muon_weight_decay = 0.03;
  double muon_momentum = 0.95;
  double adam_lr = 0.001;
  double adam_weight_decay = 0.0;
  double adam_beta1 = 0.9;
  double adam_beta2 = 0.999;
  double adam_epsilon = 1e-8;
  double lw_lr = 0.001;
  double lw_weight_decay = 0.0;
  double lw_momentum = 0.9;
  double ema_decay = 0.999;
  int warmup_epochs = 2;
};

struct CheckpointConfig {
  double seconds = 60;      ///< wall time between checkpoints
  std::int64_t steps = 0;   ///< also every so many steps; 0: by time alone
  int keep = 3;             ///< the last K are kept (best and final besides)
};

struct TrainConfig {
  std::string name = "cherimoya";
  std::string directory;   ///< of the run; empty: name

  data::DataSpec data;
  std::string data_mode = "auto";   ///< auto, device, node or stream; data_mode.hpp
  std::vector<std::string> training_chromosomes;
  std::vector<std::string> validation_chromosomes;
  std::vector<std::string> test_chromosomes;
  std::optional<data::ImportSpec> import;   ///< files to import first, into data.path, where that does not exist

  nn::ModelShape model;   ///< signal_groups and n_controls come from the data
  OptimiserConfig optimiser;
  CheckpointConfig checkpoint;

  std::string precision = "auto";   ///< on a GPU: auto (which is tf32), fp32, tf32 or bf16; cores compute in fp32
  int batch_size = 64;              ///< global
  int gradient_slices = 0;          ///< 0: 8, or the largest divisor of batch_size below it
  int max_epochs = 20;
  std::int64_t min_total_steps = 20000;
  int early_stopping = 0;                  ///< epochs without a better one; 0: off
  std::string best_by = "count_pearson";   ///< of validation, decides which epoch is best: or profile_pearson, mean_pearson
  double negative_ratio = 0.25;
  bool reverse_complement = true;
  std::optional<std::array<double, 2>> loss_weights;
  std::uint64_t seed = 0;
  double log_seconds = 10;   ///< between progress lines in a batch log
  bool share_gpus = false;   ///< whether ranks may have the same GPU

  std::string backend = "auto";   ///< of the exchange between ranks: auto, nccl, mpi-device or mpi-host
  int ranks_of_node = 0;          ///< of that exchange's levels: see parallel/levels.hpp
  double timeout_seconds = 600;   ///< of a rank that waits for others; 0: none

  /// Throws InputError, naming the key, for impossible values: overlapping chromosome splits, sizes below 1, slices that
  /// do not divide the batch.
  void check() const;
  [[nodiscard]] nn::Precision precision_wanted() const;
  [[nodiscard]] Criterion criterion() const;   ///< of the best epoch
  [[nodiscard]] int slices() const;            ///< gradient_slices with the default resolved
};

}   // namespace cheri::train
