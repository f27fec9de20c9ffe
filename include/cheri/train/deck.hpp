// Decks: TOML (ours), or the JSON of the public package's `fit`, into a TrainConfig; and back to TOML.
#pragma once

#include "cheri/train/config.hpp"

#include <string>
#include <vector>

namespace cheri::train {

struct Deck {
  TrainConfig config;
  std::vector<std::string> notes;   ///< keys which were accepted and have no meaning here, and the like
};

/// Reads a deck (by its ending, .json is the public package's) and applies "key=value" overrides with dotted keys in the
/// TOML names ("training.batch_size=32", "model.n_layers=7"). Relative paths are relative to the deck's folder.
/// Throws InputError for a syntax error (file, line), an unknown key (with the nearest known one), a wrong type or value.
Deck read_deck(const std::string& path, const std::vector<std::string>& overrides);

/// The same from the text of resolved TOML, as a checkpoint holds it.
TrainConfig parse_config(const std::string& toml, const std::string& where);

/// Every key with its resolved value, in a fixed order: parse_config(to_toml(c)) == c, and equal text means equal runs.
std::string to_toml(const TrainConfig& config);

}  // namespace cheri::train
