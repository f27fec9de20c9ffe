// Chunks of an HDF5 dataset, filtered outside of HDF5, which filters on one thread.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace cheri::data {

/// A chunk as the filters "shuffle" and "deflate" of HDF5 read it: the first bytes of all elements, then the second ones,
/// ..., as a zlib stream. `elements` are little-endian, element_bytes each, and as many as a chunk has. May be called by
/// many threads at once; the bytes depend on the elements and on zlib alone.
[[nodiscard]] std::vector<std::byte> packed_chunk(std::span<const std::byte> elements, std::size_t element_bytes);

}   // namespace cheri::data
