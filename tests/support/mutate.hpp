// Damage for the fuzz tests: the same for a seed.
#pragma once

#include "cheri/base/random.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace cheri::testing {

/// The bytes without an end of random length, at least one byte.
inline std::vector<char> truncated(std::vector<char> bytes, NumpyRandom& random) {
  bytes.resize(random.interval(static_cast<std::uint32_t>(bytes.size() - 1)));
  return bytes;
}

/// The bytes with `n` bits flipped at random places.
inline std::vector<char> bit_flipped(std::vector<char> bytes, int n, NumpyRandom& random) {
  for (int i = 0; i < n; ++i) {
    const std::size_t place = random.interval(static_cast<std::uint32_t>(bytes.size() - 1));
    bytes[place] = static_cast<char>(bytes[place] ^ (1 << random.interval(7)));
  }
  return bytes;
}

}   // namespace cheri::testing
