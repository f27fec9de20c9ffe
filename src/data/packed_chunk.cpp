#include "data/packed_chunk.hpp"

#include "cheri/base/check.hpp"

#include <bit>
#include <memory>

#include <zlib.h>

namespace cheri::data {

namespace {

static_assert(std::endian::native == std::endian::little, "elements are packed as they are in memory");

std::vector<std::byte> shuffled(std::span<const std::byte> elements, std::size_t element_bytes) {
  const std::size_t n = elements.size() / element_bytes;
  std::vector<std::byte> bytes(elements.size());
  for (std::size_t b = 0; b < element_bytes; ++b) {
    for (std::size_t i = 0; i < n; ++i) bytes[b * n + i] = elements[i * element_bytes + b];
  }
  return bytes;
}

/// Z_RLE looks for runs alone. Bases and sparse counts repeat themselves nowhere else: against level 4's search, sequences
/// (of yeast) take 11 % less room and 0.6 of the time, simulated cut sites 23 % and 0.55, coverage 35 % and 0.36.
std::vector<std::byte> deflated(std::span<const std::byte> bytes) {
  constexpr int level = 1, memory_level = 8;   // of no effect on Z_RLE; zlib's default
  z_stream stream{};
  CHERI_REQUIRE(deflateInit2(&stream, level, Z_DEFLATED, MAX_WBITS, memory_level, Z_RLE) == Z_OK,
                "zlib cannot begin to deflate");
  const std::unique_ptr<z_stream, int (*)(z_stream*)> guard(&stream, deflateEnd);
  std::vector<std::byte> packed(deflateBound(&stream, bytes.size()));
  stream.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(bytes.data()));   // zlib reads it
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  CHERI_REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END, "zlib cannot deflate " << bytes.size() << " bytes");
  packed.resize(stream.total_out);
  packed.shrink_to_fit();
  return packed;
}

}   // namespace

std::vector<std::byte> packed_chunk(std::span<const std::byte> elements, std::size_t element_bytes) {
  return element_bytes == 1 ? deflated(elements) : deflated(shuffled(elements, element_bytes));
}

}   // namespace cheri::data
