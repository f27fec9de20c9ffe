// The JSON of the public package's `fit` command. Its keys are those of the deck's table that have a public name, and a few
// that have no counterpart.
#include "deck_keys.hpp"
#include "deck_languages.hpp"

#include "cheri/base/check.hpp"
#include "cheri/base/nearest.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <map>

namespace cheri::train::deck {

namespace {

using Json = nlohmann::json;

/// Accepted, and said to have no meaning here.
const std::vector<std::string>& meaningless_keys() {
  static const std::vector<std::string> all = {
      "verbose",     "device",      "devices", "compile",      "compile_mode",
      "num_workers", "num_threads", "skip",    "progress_bar", "reverse_complement_average"};
  return all;
}

/// Without a default in the public package.
const std::vector<std::string>& required_keys() {
  static const std::vector<std::string> all = {"name", "sequences", "loci", "negatives", "signals"};
  return all;
}

/// Keys whose null means 0 in ours: off, or for the seed any number.
const std::vector<std::string>& zero_for_null() {
  static const std::vector<std::string> all = {"early_stopping", "min_total_steps", "random_state"};
  return all;
}

bool among(const std::string& word, const std::vector<std::string>& words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

Value value_of(const Json& json, const std::string& where, int depth) {
  constexpr int deepest = 3;   // signals: a list of lists of files
  if (json.is_null()) return {};
  if (json.is_boolean()) return {json.get<bool>()};
  if (json.is_string()) return {json.get<std::string>()};
  if (json.is_number_unsigned() && json.get<std::uint64_t>() > INT64_MAX) return {json.get<double>()};
  if (json.is_number_integer()) return {json.get<std::int64_t>()};
  if (json.is_number()) return {json.get<double>()};
  CHERI_REQUIRE_INPUT(json.is_array() && depth < deepest,
                      where << ": " << (json.is_array() ? "lists nested too deep" : "an object cannot stand here"));
  std::vector<Value> values;
  for (const Json& element : json) values.push_back(value_of(element, where, depth + 1));
  return {values};
}

/// "fit.json:7", from the place where the text says "key":, or the file alone.
std::string place_of(const std::string& key, const std::string& text, const std::string& where) {
  const std::string quoted = Json(key).dump(-1, ' ', false, Json::error_handler_t::replace);
  for (auto at = text.find(quoted); at != std::string::npos; at = text.find(quoted, at + 1)) {
    const auto next = text.find_first_not_of(" \t\r\n", at + quoted.size());
    if (next == std::string::npos || text[next] != ':') continue;
    const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n');
    return where + ":" + std::to_string(line);
  }
  return where;
}

const Key* find_fit_key(const std::string& name) {
  const auto named = [&](const Key& key) { return !name.empty() && key.fit_name == name; };
  const auto found = std::find_if(keys().begin(), keys().end(), named);
  return found == keys().end() ? nullptr : &*found;
}

[[noreturn]] void reject_unknown(const Entry& entry) {
  std::vector<std::string> known = meaningless_keys();
  known.emplace_back("dtype");
  for (const Key& key : keys()) {
    if (!key.fit_name.empty()) known.push_back(key.fit_name);
  }
  throw InputError(entry.where + ": unknown key \"" + entry.key + "\"; did you mean \"" + nearest_word(entry.key, known) +
                   "\"?");
}

/// The defaults of the public package where they are not ours: the chromosomes of the human genome.
void set_fit_defaults(TrainConfig& config) {
  const auto chromosomes = [](std::initializer_list<const char*> numbers) {
    std::vector<std::string> names;
    for (const char* number : numbers) names.push_back(std::string("chr") + number);
    return names;
  };
  config.training_chromosomes = chromosomes(
      {"2", "4", "5", "7", "9", "10", "11", "12", "13", "14", "15", "16", "17", "18", "19", "21", "22", "X", "Y"});
  config.validation_chromosomes = chromosomes({"8", "20"});
  config.test_chromosomes = chromosomes({"1", "3", "6"});
}

/// What null stands for: an empty list where the key takes one, 0 where that means "off".
Value value_for_null(const Entry& entry, const Member& member) {
  if (among(entry.key, zero_for_null())) return {std::int64_t{0}};
  const bool is_list = std::holds_alternative<PathsMember>(member) || std::holds_alternative<TracksMember>(member) ||
                       std::holds_alternative<std::vector<std::string>*>(member) ||
                       std::holds_alternative<FixedWeights*>(member);
  return is_list ? Value{std::vector<Value>{}} : entry.value;
}

void apply_entry(TrainConfig& config, const Entry& entry, std::vector<std::string>& notes) {
  const auto note = [&](const std::string& text) { notes.push_back(entry.where + ": " + entry.key + " " + text); };
  const bool is_null = std::holds_alternative<std::monostate>(entry.value.data);
  if (among(entry.key, meaningless_keys())) return note("has no meaning here");
  if (entry.key == "dtype") {
    const auto* type = std::get_if<std::string>(&entry.value.data);
    CHERI_REQUIRE_INPUT(type != nullptr && (*type == "float32" || *type == "bfloat16"),
                        entry.where << ": dtype is " << describe(entry.value) << ", and must be float32 or bfloat16");
    config.precision = *type == "bfloat16" ? "bf16" : "auto";
    return;
  }
  const Key* key = find_fit_key(entry.key);
  if (key == nullptr) reject_unknown(entry);
  if (entry.key == "random_state" && is_null) note("is null; the seed 0 is used");
  if (entry.key == "negatives" && is_null) {
    config.data.negatives.clear();
    config.import->negatives_per_peak = 0;
  }
  Entry with_value = entry;
  if (is_null) with_value.value = value_for_null(entry, key->member(config));
  assign(config, *key, with_value, "");
}

}   // namespace

std::vector<Entry> read_json(const std::string& text, const std::string& where) {
  Json json;
  try {
    json = Json::parse(text);
  } catch (const Json::exception& error) {
    const std::string what = error.what();   // "[json.exception.parse_error.101] parse error at line 3, column 5: ..."
    const auto bracket = what.find("] ");
    throw InputError(where + ": " + (bracket == std::string::npos ? what : what.substr(bracket + 2)));
  }
  CHERI_REQUIRE_INPUT(json.is_object(),
                      where << ": a deck in JSON is one object {\"key\": value, ...}, and not " << json.type_name());
  std::vector<Entry> entries;
  for (const auto& [key, value] : json.items()) {
    const std::string place = place_of(key, text, where);
    entries.push_back({key, value_of(value, place + ": " + key, 0), place});
  }
  return entries;
}

std::vector<std::string> apply_fit(TrainConfig& config, const std::vector<Entry>& entries, const std::string& where) {
  for (const std::string& required : required_keys()) {
    const bool given =
        std::any_of(entries.begin(), entries.end(), [&](const Entry& entry) { return entry.key == required; });
    CHERI_REQUIRE_INPUT(given, where << ": \"" << required << "\" is missing, and has no default");
  }
  set_fit_defaults(config);
  config.import.emplace();
  std::vector<std::string> notes;
  for (const Entry& entry : entries) apply_entry(config, entry, notes);

  config.data.path = resolve_path(config.name + ".tracks.h5", "");
  for (const auto* split : {&config.training_chromosomes, &config.validation_chromosomes, &config.test_chromosomes}) {
    config.import->chromosomes.insert(config.import->chromosomes.end(), split->begin(), split->end());
  }
  config.import->negative_window = config.data.windows.in_window;
  notes.push_back(where + ": relative paths are taken from the current folder; the files become " + config.data.path);
  return notes;
}

}   // namespace cheri::train::deck
