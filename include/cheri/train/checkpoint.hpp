// Checkpoints: everything a run needs to go on as if it had not stopped. HDF5 behind a 512-byte user block that holds the
// SHA-256 of the rest; written to a temporary name, fsynced, renamed.
#pragma once

#include "cheri/nn/shape.hpp"
#include "cheri/train/log.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace cheri::train {

/// The state of a run between two steps, on the host. Buffers are flat, in the layout of nn::ParameterTable.
struct TrainState {
  std::vector<float> parameters, ema;
  std::vector<float> moment1, moment2;      ///< AdamW's two; Muon's and SGD's momentum in the first
  std::int64_t step = 0;                    ///< optimiser steps done
  std::int64_t epoch = 0;                   ///< epoch in progress
  std::int64_t epoch_step = 0;              ///< steps of it done
  bool loss_weights_frozen = false;
  double lw0_gradient = 0;                  ///< mean |gradient of lw0| of the last executed step
  double best_metric = 0;                   ///< highest validation count Pearson so far
  std::int64_t best_epoch = -1;             ///< -1: none yet
  std::int64_t epochs_without_better = 0;
  bool finished = false;                    ///< nothing is left to do
  std::vector<double> epoch_losses;         ///< sums over the epoch in progress: profile then count loss per group
  double epoch_seconds = 0;                 ///< of training, in the epoch in progress
  std::vector<LogRow> log;
};

struct Checkpoint {
  nn::ModelShape shape;
  std::string config;                       ///< resolved deck as TOML
  std::string made_by;                      ///< program version, backend, ranks, threads
  TrainState state;
};

/// SHA-256 over parameters, EMA, moments and step: equal for equal runs, whatever their clocks said.
std::string state_digest(const TrainState& state);

/// Atomic: a reader sees the old file or the new one. Throws Error naming the path if the disk is full or read-only; then
/// the old file is untouched and no temporary file is left.
void write_checkpoint(const std::string& path, const Checkpoint& checkpoint);

/// Throws InputError for a damaged file, a newer format, or what is no checkpoint.
Checkpoint read_checkpoint(const std::string& path);

/// DIR/checkpoints/step-<12 digits>.h5, oldest first.
std::vector<std::string> list_checkpoints(const std::string& directory);

struct Found {
  std::optional<Checkpoint> checkpoint;
  std::string path;
  std::vector<std::string> skipped;         ///< "path: why", newer ones that could not be read
};
/// The newest checkpoint of a run directory that reads well.
Found newest_checkpoint(const std::string& directory);

/// Removes all but the newest `keep`.
void prune_checkpoints(const std::string& directory, int keep);

}  // namespace cheri::train
