// The one table of everything that a deck can say. Each key stands in it once; reading, unknown-key detection, ranges, the
// resolved deck and the printed reference all follow from it.
#pragma once

#include "cheri/train/config.hpp"
#include "deck_entries.hpp"

#include <cstdint>
#include <limits>
#include <string>
#include <variant>
#include <vector>

namespace cheri::train::deck {

// What a key's value is kept in. Paths are strings which are resolved against a folder.
struct PathMember {
  std::string* path;
};
struct PathsMember {
  std::vector<std::string>* paths;
};
struct TracksMember {
  std::vector<data::SignalSource>* sources;
  bool control;   ///< this key's part of the sources: the controls or the signals
};
using FixedWeights = std::optional<std::array<double, 2>>;
using Member = std::variant<bool*, int*, std::int64_t*, std::uint64_t*, double*, std::string*, std::vector<std::string>*,
                            FixedWeights*, PathMember, PathsMember, TracksMember>;

/// Limits of a number, both included.
struct Range {
  double least = 0;
  double most = std::numeric_limits<std::int32_t>::max();
};

/// Whether two runs which differ in this key alone may end with different parameters.
enum class Decides { parameters, comfort };

struct Key {
  std::string name;       ///< "training.batch_size"
  std::string fit_name;   ///< of the public package's `fit`; empty: it has none
  Decides decides;
  Member (*member)(TrainConfig&);
  std::string doc;
  Range range = {};   ///< of numbers
};

struct Section {
  std::string name;   ///< "training"; empty: the top of the deck
  std::string doc;
};

const std::vector<Section>& sections();
const std::vector<Key>& keys();                    ///< in the order of the sections
std::string section_of(const std::string& name);   ///< what stands before the dot: "training"
std::string leaf_of(const std::string& name);      ///< what stands behind it: "batch_size"

/// The key of a name; throws InputError with the nearest known one.
const Key& find_key(const std::string& name, const std::string& where);

/// Sets the key's member to the entry's value: throws InputError naming place, key, value and what would be right. Relative
/// paths are taken from `folder`.
void assign(TrainConfig& config, const Key& key, const Entry& entry, const std::string& folder);

/// Throws InputError if a number of the config is out of its key's range.
void check_ranges(const TrainConfig& config);

/// A member's value as TOML.
std::string print(const Member& member);

/// A value as TOML with its type, for messages: "\"64\" (a string)".
std::string describe(const Value& value);

/// "absolute/normal/path"; an empty path stays empty.
std::string resolve_path(const std::string& path, const std::string& folder);

}   // namespace cheri::train::deck
