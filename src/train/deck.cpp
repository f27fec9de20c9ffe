// Reading a deck: text -> entries -> configuration, then what follows from it, then the checks.
#include "cheri/train/deck.hpp"

#include "cheri/base/check.hpp"
#include "cheri/base/files.hpp"

#include "deck_keys.hpp"
#include "deck_languages.hpp"

#include <algorithm>
#include <filesystem>
#include <sstream>

namespace cheri::train {

namespace {

std::string read_text(const std::string& path) {
  std::error_code ignored;
  CHERI_REQUIRE_INPUT(!std::filesystem::is_directory(path, ignored),
                      path << " is a folder, and must be a deck (TOML or JSON)");
  CHERI_REQUIRE_INPUT(std::filesystem::status(path, ignored).type() != std::filesystem::file_type::not_found,
                      path << " is not there; a deck (TOML or JSON) must stand there");
  return read_text_file(path);
}

void apply(TrainConfig& config, const std::vector<deck::Entry>& entries, const std::string& folder) {
  for (const deck::Entry& entry : entries) {
    deck::assign(config, deck::find_key(entry.key, entry.where), entry, folder);
  }
}

/// What follows from other keys.
void resolve(TrainConfig& config) {
  if (config.directory.empty()) config.directory = deck::resolve_path(config.name, "");
  config.model.in_window = config.data.windows.in_window;
  config.model.out_window = config.data.windows.out_window;
  if (config.import) config.import->out_path = config.data.path;
}

void resolve_and_check(TrainConfig& config, const std::string& where) {
  resolve(config);
  try {
    config.check();
  } catch (const InputError& error) {
    throw InputError(where + ": " + error.what());
  }
  config.gradient_slices = config.slices();
}

enum class Docs { none, comments };

std::string with_comment(std::string line, const std::string& doc) {
  constexpr std::size_t column = 36;
  line.resize(std::max(column, line.size() + 2), ' ');
  return line + "# " + doc;
}

/// All sections in order, with a line for every key.
std::string print_deck(TrainConfig config, bool with_import, Docs docs) {
  std::string text;
  const auto add_line = [&](const std::string& line, const std::string& doc) {
    text += (docs == Docs::comments ? with_comment(line, doc) : line) + "\n";
  };
  for (const deck::Section& section : deck::sections()) {
    if (section.name == "import" && !with_import) continue;
    if (!section.name.empty()) text += "\n";
    if (!section.name.empty()) add_line("[" + section.name + "]", section.doc);
    for (const deck::Key& key : deck::keys()) {
      if (deck::section_of(key.name) != section.name) continue;
      add_line(deck::leaf_of(key.name) + " = " + deck::print(key.member(config)), key.doc);
    }
  }
  return text;
}

}   // namespace

Deck read_deck(const std::string& path, const std::vector<std::string>& overrides) {
  Deck deck;
  const std::string text = read_text(path);
  if (std::filesystem::path(path).extension() == ".json") {
    deck.notes = deck::apply_fit(deck.config, deck::read_json(text, path), path);
  } else {
    apply(deck.config, deck::read_toml(text, path), std::filesystem::path(path).parent_path().string());
  }
  for (const std::string& text_of_override : overrides) apply(deck.config, {deck::read_override(text_of_override)}, "");
  resolve_and_check(deck.config, path);
  return deck;
}

TrainConfig parse_config(const std::string& toml, const std::string& where) {
  TrainConfig config;
  apply(config, deck::read_toml(toml, where), "");
  resolve_and_check(config, where);
  return config;
}

std::string to_toml(const TrainConfig& config) {
  TrainConfig resolved = config;
  resolve(resolved);
  resolved.gradient_slices = resolved.slices();
  return print_deck(resolved, config.import.has_value(), Docs::none);
}

std::string deck_reference() { return print_deck(TrainConfig(), true, Docs::comments); }

std::vector<std::string> differences(const TrainConfig& before, const TrainConfig& now) {
  TrainConfig left = before;
  TrainConfig right = now;
  std::vector<std::string> found;
  for (const deck::Key& key : deck::keys()) {
    if (key.decides != deck::Decides::parameters) continue;
    const std::string was = deck::print(key.member(left));
    const std::string is = deck::print(key.member(right));
    if (was != is) found.push_back(key.name + " was " + was + " and is " + is);
  }
  return found;
}

}   // namespace cheri::train
