// Values of a deck into members of the configuration, and back to TOML.
#include "deck_keys.hpp"

#include "cheri/base/check.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <sstream>

namespace cheri::train::deck {

namespace {

template <class... Functions>
struct Overloaded : Functions... {
  using Functions::operator()...;
};
template <class... Functions>
Overloaded(Functions...) -> Overloaded<Functions...>;

/// The shortest text which reads back as the same number.
std::string shortest(double number) {
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), number);
  return {text.data(), end.ptr};
}

std::string print_double(double number) {
  const std::string text = shortest(number);
  return text.find_first_of(".ein") == std::string::npos ? text + ".0" : text;
}

std::string print_string(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      constexpr const char* digits = "0123456789abcdef";
      quoted += "\\u00";
      quoted += digits[static_cast<unsigned char>(c) >> 4];
      quoted += digits[static_cast<unsigned char>(c) & 15];
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

template <class T, class Print>
std::string print_list(const std::vector<T>& values, const Print& print_one) {
  std::string text = "[";
  for (const T& value : values) text += (text.size() > 1 ? ", " : "") + print_one(value);
  return text + "]";
}

std::string print_value(const Value& value) {
  return std::visit(Overloaded{[](std::monostate) -> std::string { return "null"; },
                               [](bool flag) -> std::string { return flag ? "true" : "false"; },
                               [](std::int64_t number) { return std::to_string(number); },
                               [](double number) { return print_double(number); },
                               [](const std::string& text) { return print_string(text); },
                               [](const std::vector<Value>& list) { return print_list(list, print_value); }},
                    value.data);
}

std::string type_of(const Value& value) {
  constexpr std::array<const char*, 6> names = {"null", "a truth value", "an integer", "a number", "a string", "a list"};
  return names[value.data.index()];
}

[[noreturn]] void reject(const Entry& entry, const std::string& right) {
  throw InputError(entry.where + ": " + entry.key + " is " + describe(entry.value) + ", and must be " + right);
}

std::string print_limits(const Range& range) { return "from " + shortest(range.least) + " to " + shortest(range.most); }

bool inside(double number, const Range& range) {   // false for NaN
  return number >= range.least && number <= range.most;
}

template <class Integer>
Integer as_integer(const Entry& entry, const Range& range) {
  const auto* number = std::get_if<std::int64_t>(&entry.value.data);
  if (number == nullptr || !inside(static_cast<double>(*number), range)) {
    reject(entry, "an integer " + print_limits(range));
  }
  return static_cast<Integer>(*number);
}

double as_double(const Entry& entry, const Value& value, const Range& range) {
  const auto* integer = std::get_if<std::int64_t>(&value.data);
  const auto* number = std::get_if<double>(&value.data);
  const double found = integer != nullptr ? static_cast<double>(*integer) : number != nullptr ? *number : NAN;
  if (!inside(found, range)) reject(entry, "a number " + print_limits(range));
  return found;
}

bool as_bool(const Entry& entry) {
  const auto* flag = std::get_if<bool>(&entry.value.data);
  if (flag == nullptr) reject(entry, "true or false");
  return *flag;
}

std::string as_string(const Entry& entry) {
  const auto* text = std::get_if<std::string>(&entry.value.data);
  if (text == nullptr) reject(entry, "a string");
  return *text;
}

/// The elements of a list; anything else counts as a list of one.
std::vector<Value> elements(const Value& value) {
  const auto* list = std::get_if<std::vector<Value>>(&value.data);
  return list != nullptr ? *list : std::vector<Value>{value};
}

std::vector<std::string> as_strings(const Entry& entry, const Value& value, const char* right) {
  std::vector<std::string> strings;
  for (const Value& element : elements(value)) {
    const auto* text = std::get_if<std::string>(&element.data);
    if (text == nullptr || text->empty()) reject(entry, right);
    strings.push_back(*text);
  }
  return strings;
}

TrackFiles as_track_files(const Entry& entry, const std::string& folder) {
  constexpr const char* right = "a list whose entries are files or lists of files (groups)";
  TrackFiles groups;
  for (const Value& group : elements(entry.value)) {
    groups.push_back(as_strings(entry, group, right));
    if (groups.back().empty()) reject(entry, right);
    for (std::string& path : groups.back()) path = resolve_path(path, folder);
  }
  return groups;
}

FixedWeights as_weights(const Entry& entry, const Range& range) {
  const auto* list = std::get_if<std::vector<Value>>(&entry.value.data);
  if (list == nullptr || (!list->empty() && list->size() != 2)) reject(entry, "[profile, count] or []");
  if (list->empty()) return std::nullopt;
  return std::array{as_double(entry, (*list)[0], range), as_double(entry, (*list)[1], range)};
}

}   // namespace

std::string describe(const Value& value) {
  constexpr std::size_t longest = 80;
  const std::string text = print_value(value);
  if (std::holds_alternative<std::monostate>(value.data)) return text;
  return (text.size() > longest ? text.substr(0, longest) + "..." : text) + " (" + type_of(value) + ")";
}

std::string resolve_path(const std::string& path, const std::string& folder) {
  if (path.empty()) return path;
  return std::filesystem::absolute(std::filesystem::path(folder) / path).lexically_normal().string();
}

void assign(TrainConfig& config, const Key& key, const Entry& entry, const std::string& folder) {
  const Range& range = key.range;
  const auto resolve = [&](const std::string& path) { return resolve_path(path, folder); };
  std::visit(
      Overloaded{[&](bool* flag) { *flag = as_bool(entry); }, [&](int* number) { *number = as_integer<int>(entry, range); },
                 [&](std::int64_t* number) { *number = as_integer<std::int64_t>(entry, range); },
                 [&](std::uint64_t* number) { *number = as_integer<std::uint64_t>(entry, range); },
                 [&](double* number) { *number = as_double(entry, entry.value, range); },
                 [&](std::string* text) { *text = as_string(entry); },
                 [&](std::vector<std::string>* texts) { *texts = as_strings(entry, entry.value, "a list of strings"); },
                 [&](FixedWeights* weights) { *weights = as_weights(entry, range); },
                 [&](PathMember member) { *member.path = resolve(as_string(entry)); },
                 [&](PathsMember member) {
                   *member.paths = as_strings(entry, entry.value, "a list of files");
                   for (std::string& path : *member.paths) path = resolve(path);
                 },
                 [&](TracksMember member) {
                   const TrackFiles files = as_track_files(entry, folder);
                   const TrackFiles others = track_files(*member.sources, !member.control);
                   *member.sources = member.control ? track_sources(others, files) : track_sources(files, others);
                 }},
      key.member(config));
}

std::string print(const Member& member) {
  const auto print_strings = [](const std::vector<std::string>& texts) { return print_list(texts, print_string); };
  return std::visit(Overloaded{[](const bool* flag) -> std::string { return *flag ? "true" : "false"; },
                               [](const double* number) { return print_double(*number); },
                               [](const std::string* text) { return print_string(*text); },
                               [&](const std::vector<std::string>* texts) { return print_strings(*texts); },
                               [](const FixedWeights* weights) -> std::string {
                                 if (!*weights) return "[]";
                                 return "[" + print_double((**weights)[0]) + ", " + print_double((**weights)[1]) + "]";
                               },
                               [](PathMember path) { return print_string(*path.path); },
                               [&](PathsMember paths) { return print_strings(*paths.paths); },
                               [&](TracksMember tracks) {
                                 return print_list(track_files(*tracks.sources, tracks.control), print_strings);
                               },
                               [](const auto* integer) { return std::to_string(*integer); }},
                    member);
}

void check_ranges(const TrainConfig& config) {
  TrainConfig copy = config;
  for (const Key& key : keys()) {
    if (section_of(key.name) == "import" && !config.import) continue;
    const auto require = [&](double number) {
      CHERI_REQUIRE_INPUT(inside(number, key.range),
                          key.name << " is " << shortest(number) << ", and must be " << print_limits(key.range));
    };
    std::visit(Overloaded{[&](int* number) { require(*number); },
                          [&](std::int64_t* number) { require(static_cast<double>(*number)); },
                          [&](std::uint64_t* number) { require(static_cast<double>(*number)); },
                          [&](double* number) { require(*number); },
                          [&](FixedWeights* weights) {
                            if (*weights) std::for_each((*weights)->begin(), (*weights)->end(), require);
                          },
                          [](const auto&) {}},
               key.member(copy));
  }
}

}   // namespace cheri::train::deck
