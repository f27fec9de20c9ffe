#include "data/packed_positions.hpp"

#include "data/packed_chunk.hpp"
#include "data/parallel_for.hpp"
#include "data/tables.hpp"

#include <algorithm>
#include <numeric>
#include <span>

namespace cheri::data {

namespace {

std::size_t chunks_of(std::size_t positions) { return (positions + chunk_positions - 1) / chunk_positions; }

/// The values of the chunk at this index; the last one may be shorter.
template <class Value>
std::span<const Value> chunk_of(const std::vector<Value>& values, std::size_t index) {
  const std::size_t begin = index * chunk_positions;
  return std::span(values).subspan(begin, std::min(chunk_positions, values.size() - begin));
}

/// Adds values as T, chunk by chunk. The threads pack chunks, which are added in order.
template <class T, class Value>
void pack(const std::vector<Value>& values, int threads, PackedPositions& packed) {
  const std::size_t positions = std::min(chunk_positions, values.size());
  const auto make = [&](std::size_t i) {
    const auto part = chunk_of(values, i);
    if (std::all_of(part.begin(), part.end(), [](Value value) { return value == Value{0}; }))
      return std::vector<std::byte>();
    std::vector<T> chunk(positions);
    std::transform(part.begin(), part.end(), chunk.begin(), [](Value value) { return static_cast<T>(value); });
    return packed_chunk(std::as_bytes(std::span(chunk)), sizeof(T));
  };
  packed.type = element_type<T>();
  parallel_in_order(threads, chunks_of(values.size()), make, [&](std::size_t, const std::vector<std::byte>& chunk) {
    packed.chunk_bytes.push_back(chunk.size());
    packed.bytes.insert(packed.bytes.end(), chunk.begin(), chunk.end());
  });
}

/// What the whole of a signal says of how it is stored.
struct SignalSummary {
  ElementType narrowest = ElementType::u8;
  double total = 0;
};

/// Throws InputError for the first value that no signal has.
SignalSummary summarise(const std::string& path, const std::string& dataset, const std::vector<float>& values, int threads) {
  std::vector<SignalSummary> of_chunks(chunks_of(values.size()));
  parallel_for(threads, of_chunks.size(), [&](std::size_t i) {
    const auto part = chunk_of(values, i);
    check_signal(path, dataset, part, i * chunk_positions);
    of_chunks[i] = {narrowest_type(part), std::accumulate(part.begin(), part.end(), 0.0)};
  });
  return std::accumulate(of_chunks.begin(), of_chunks.end(), SignalSummary{},
                         [](const SignalSummary& a, const SignalSummary& b) {
                           return SignalSummary{wider_of(a.narrowest, b.narrowest), a.total + b.total};
                         });
}

}   // namespace

PackedPositions pack_sequence(const std::string& path, const std::string& dataset, const std::vector<Code>& codes,
                              int threads) {
  check_codes(path, dataset, codes);
  PackedPositions packed;
  pack<Code>(codes, threads, packed);
  return packed;
}

PackedPositions pack_signal(const std::string& path, const std::string& dataset, const std::vector<float>& values,
                            int threads) {
  const SignalSummary summary = summarise(path, dataset, values, threads);
  PackedPositions packed;
  packed.total = summary.total;
  switch (summary.narrowest) {
    case ElementType::u8: pack<std::uint8_t>(values, threads, packed); break;
    case ElementType::u16: pack<std::uint16_t>(values, threads, packed); break;
    case ElementType::u32: pack<std::uint32_t>(values, threads, packed); break;
    default: pack<float>(values, threads, packed);
  }
  return packed;
}

PackedPositions packed_zeros(std::int64_t length) {
  PackedPositions packed;
  packed.chunk_bytes.assign(chunks_of(static_cast<std::size_t>(length)), 0);
  return packed;
}

}   // namespace cheri::data
