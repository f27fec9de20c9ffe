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
/// TOML names ("training.batch_size=32", "model.n_layers=7"; the value in TOML, a bare word is a string). Relative paths of
/// a TOML deck are relative to its folder; those of overrides and, as in the public package, of a JSON are relative to the
/// current folder. The run's directory is, if none is given, the name in the current folder. All become absolute.
/// Throws InputError for a syntax error (file, line), an unknown key (with the nearest known one), a wrong type or value.
Deck read_deck(const std::string& path, const std::vector<std::string>& overrides);

/// The same from the text of resolved TOML, as a checkpoint holds it.
TrainConfig parse_config(const std::string& toml, const std::string& where);

/// Every key with its resolved value, in a fixed order: parse_config(to_toml(c)) == c, and equal text means equal runs.
std::string to_toml(const TrainConfig& config);

/// Every key with its default and a line of explanation, as a deck.
std::string deck_reference();

/// "training.batch_size was 64 and is 32" for every key that decides the parameters (not where files are, nor what is
/// printed or kept); empty: a run of one may go on as a run of the other. Both must be resolved.
std::vector<std::string> differences(const TrainConfig& before, const TrainConfig& now);

}   // namespace cheri::train
