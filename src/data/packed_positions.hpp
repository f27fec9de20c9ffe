// The positions of a chromosome as a tracks file holds them. Packing them is most of the work of an import, and wants no
// file.
#pragma once

#include "cheri/data/hdf5.hpp"
#include "cheri/data/tracks.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace cheri::data {

/// A chunk; the last one of a chromosome is filled up with zeros.
inline constexpr std::size_t chunk_positions = 65536;

/// A sequence or a signal on one chromosome. A chromosome shorter than a chunk has one chunk of its own length.
struct PackedPositions {
  ElementType type = ElementType::u8;
  double total = 0;                         ///< of a signal: its sum
  std::vector<std::uint64_t> chunk_bytes;   ///< of each chunk; 0 for one of zeros, which is not stored
  std::vector<std::byte> bytes;             ///< those chunks, one after the other, each as packed_chunk makes it
};

/// Throws InputError, naming the file to be and its dataset, for a code above 4. The bytes do not depend on the threads.
[[nodiscard]] PackedPositions pack_sequence(const std::string& path, const std::string& dataset,
                                            const std::vector<Code>& codes, int threads);

/// As u8, u16, u32 or f32, the narrowest that is exact. Throws InputError likewise for a value that is negative or not
/// finite.
[[nodiscard]] PackedPositions pack_signal(const std::string& path, const std::string& dataset,
                                          const std::vector<float>& values, int threads);

/// What pack_signal makes of zeros.
[[nodiscard]] PackedPositions packed_zeros(std::int64_t length);

}   // namespace cheri::data
