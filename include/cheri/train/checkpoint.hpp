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
  std::vector<float> moment1, moment2;   ///< AdamW's two; Muon's and SGD's momentum in the first
  std::int64_t step = 0;                 ///< optimiser steps done
  std::int64_t epoch = 0;                ///< epoch in progress
  std::int64_t epoch_step = 0;           ///< steps of it done
  bool loss_weights_frozen = false;
  double lw0_gradient = 0;        ///< mean |gradient of lw0| of the last executed step
  double best_metric = 0;         ///< highest selection score so far
  std::int64_t best_epoch = -1;   ///< -1: none yet
  std::int64_t epochs_without_better = 0;
  bool finished = false;              ///< nothing is left to do
  std::vector<double> epoch_losses;   ///< sums over the epoch in progress: profile then count loss per group
  double epoch_seconds = 0;           ///< of training, in the epoch in progress
  std::vector<LogRow> log;

  bool operator==(const TrainState&) const = default;
};

struct Checkpoint {
  nn::ModelShape shape;
  std::string config;    ///< resolved deck as TOML
  std::string made_by;   ///< program version, backend, ranks, threads
  TrainState state;

  bool operator==(const Checkpoint&) const = default;
};

/// SHA-256, as 64 hexadecimal digits, over the float32 values of parameters, EMA, first and second moments in this order,
/// then the step as int64, all little-endian: equal for equal runs, whatever their clocks said.
std::string state_digest(const TrainState& state);

/// Atomic: a reader sees the old file or the new one. Throws Error naming the path and the system's reason if the disk is
/// full or read-only; then the old file is untouched and no temporary file is left. The file is put together in memory.
void write_checkpoint(const std::string& path, const Checkpoint& checkpoint);

/// The checksum is verified before HDF5 sees the file. Throws InputError for a damaged file, a newer format, what is no
/// checkpoint, and buffers that do not fit the model; Error where the disk fails.
Checkpoint read_checkpoint(const std::string& path);

/// DIR/checkpoints/step-<12 digits>.h5.
std::string checkpoint_path(const std::string& directory, std::int64_t step);

/// The checkpoints of a run directory, oldest first; none if it has no folder for them. Throws Error if that cannot be
/// listed.
std::vector<std::string> list_checkpoints(const std::string& directory);

struct Found {
  std::optional<Checkpoint> checkpoint;
  std::string path;
  std::vector<std::string> skipped;   ///< newer ones that could not be read: each line names the file and says why
};
/// The newest checkpoint of a run directory that reads well. Throws Error if none does and the disk is at fault with one:
/// what cannot be read is not damaged, and a run that began anew would lose it.
Found newest_checkpoint(const std::string& directory);

/// Of the checkpoints up to `step`, the run's newest, removes all but the last `keep` (at least 1). Those beyond are
/// damaged, or the user has gone back behind them. Removes the temporary files too, here and in the run directory, of
/// processes that are gone.
void prune_checkpoints(const std::string& directory, int keep, std::int64_t step);

}   // namespace cheri::train
