// What a deck says, in whatever language it was written, before it means anything.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace cheri::train::deck {

/// A value of a deck, in whatever language it was written.
struct Value {
  std::variant<std::monostate, bool, std::int64_t, double, std::string, std::vector<Value>> data;
};

/// `key` as the user wrote it, with sections joined by dots; `where` is "deck.toml:14" or "command line".
struct Entry {
  std::string key;
  Value value;
  std::string where;
};

}   // namespace cheri::train::deck
