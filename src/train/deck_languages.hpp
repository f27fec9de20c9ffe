// The two languages of decks, read into entries. The parsing libraries stay behind this header.
#pragma once

#include "deck_entries.hpp"

#include <string>
#include <vector>

namespace cheri::train {
struct TrainConfig;
}

namespace cheri::train::deck {

/// Every key of a TOML text with dotted names, sorted; throws InputError with `where` and the line for what is no TOML.
std::vector<Entry> read_toml(const std::string& text, const std::string& where);

/// "key=value" with the value in TOML; a bare word is a string.
Entry read_override(const std::string& text);

/// The keys of a JSON object; throws InputError with `where` and the line for what is none.
std::vector<Entry> read_json(const std::string& text, const std::string& where);

/// Sets the configuration from the entries of the public package's `fit` JSON, whose relative paths are taken from the
/// current folder, and whose files become the import of NAME.tracks.h5 there. Returns notes on what has no meaning here.
std::vector<std::string> apply_fit(TrainConfig& config, const std::vector<Entry>& entries, const std::string& where);

}   // namespace cheri::train::deck
