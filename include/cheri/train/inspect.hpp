// What is in a checkpoint or in predictions, and what a deck takes from its data; as JSON text.
#pragma once

#include <string>

namespace cheri::train {

/// Whether a path is a checkpoint or model file, or a directory (a run's).
bool is_checkpoint(const std::string& path);

/// Shape, parameters, step, epoch, best metric, what made it, and the digest of its state.
std::string inspect_checkpoint(const std::string& path);

/// Whether a path is an HDF5 file that says it holds predictions.
bool is_predictions(const std::string& path);

/// What made them, their tracks, their extents, and the number of loci on each chromosome.
std::string inspect_predictions(const std::string& path);

/// Loci kept and left out, by reason, for each split of a deck; `data_path` replaces the deck's data.file.
std::string inspect_splits(const std::string& deck_path, const std::string& data_path);

}   // namespace cheri::train
