// Writing a tracks file.
#include "cheri/data/tracks.hpp"

#include "cheri/base/check.hpp"

#include "packed_chunk.hpp"
#include "parallel_for.hpp"
#include "tables.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace cheri::data {

namespace {

constexpr std::size_t chunk_positions = 65536;
constexpr int deflate_level = 1;   // what the file says of chunks that packed_chunk has made

std::size_t chunks_of(std::size_t positions) { return (positions + chunk_positions - 1) / chunk_positions; }

/// The values of the chunk at this index; the last one may be shorter.
template <class Value>
std::span<const Value> chunk_of(const std::vector<Value>& values, std::size_t index) {
  const std::size_t begin = index * chunk_positions;
  return std::span(values).subspan(begin, std::min(chunk_positions, values.size() - begin));
}

/// Writes values as T, chunk by chunk, and leaves out chunks of zeros, which HDF5 reads as such. The threads pack chunks,
/// which go to the file in order.
template <class T, class Value>
void write_positions(Hdf5File& file, const std::string& dataset, const std::vector<Value>& values, int threads) {
  const std::size_t positions = std::min(chunk_positions, values.size());
  // Named: nvcc loses the braces of an argument inside a template.
  const std::vector<std::uint64_t> extents{values.size()};
  file.create(dataset, element_type<T>(), extents, Storage{{positions}, deflate_level});
  const auto pack = [&](std::size_t i) {
    const auto part = chunk_of(values, i);
    if (std::all_of(part.begin(), part.end(), [](Value value) { return value == Value{0}; }))
      return std::vector<std::byte>();
    std::vector<T> chunk(positions);
    std::transform(part.begin(), part.end(), chunk.begin(), [](Value value) { return static_cast<T>(value); });
    return packed_chunk(std::as_bytes(std::span(chunk)), sizeof(T));
  };
  parallel_in_order(threads, chunks_of(values.size()), pack, [&](std::size_t i, const std::vector<std::byte>& packed) {
    const std::vector<std::uint64_t> offset{i * positions};
    if (!packed.empty()) file.write_chunk(dataset, offset, packed);
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

TracksWriter::TracksWriter(const std::string& path, std::vector<Chromosome> chromosomes, std::vector<Track> tracks,
                           const std::string& made_by, int threads)
    : m_file(path, Hdf5File::Access::create),
      m_chromosomes(std::move(chromosomes)),
      m_tracks(std::move(tracks)),
      m_threads(threads) {
  check_chromosomes(path, m_chromosomes);
  check_tracks(path, m_tracks);
  set_format(m_file, tracks_format, tracks_format_version, made_by);
  std::vector<std::string> names;
  std::vector<std::int64_t> lengths;
  for (const Chromosome& chromosome : m_chromosomes) {
    names.push_back(chromosome.name);
    lengths.push_back(chromosome.length);
  }
  m_file.write_strings("/chromosomes/name", names);
  m_file.write("/chromosomes/length", lengths);
  write_track_table(m_file, m_tracks);
}

void TracksWriter::sequence(int chromosome, const std::vector<Code>& codes) {
  const Chromosome& of = m_chromosomes.at(static_cast<std::size_t>(chromosome));
  const std::string dataset = "/sequence/" + of.name;
  CHERI_REQUIRE(static_cast<std::int64_t>(codes.size()) == of.length,
                dataset << " must have " << of.length << " codes, and not " << codes.size());
  check_codes(m_file.path(), dataset, codes);
  write_positions<Code>(m_file, dataset, codes, m_threads);
}

void TracksWriter::signal(int track, int chromosome, const std::vector<float>& values) {
  const Chromosome& of = m_chromosomes.at(static_cast<std::size_t>(chromosome));
  const std::string dataset = "/signal/" + m_tracks.at(static_cast<std::size_t>(track)).name + "/" + of.name;
  CHERI_REQUIRE(static_cast<std::int64_t>(values.size()) == of.length,
                dataset << " must have " << of.length << " values, and not " << values.size());
  const SignalSummary summary = summarise(m_file.path(), dataset, values, m_threads);
  switch (summary.narrowest) {
    case ElementType::u8: write_positions<std::uint8_t>(m_file, dataset, values, m_threads); break;
    case ElementType::u16: write_positions<std::uint16_t>(m_file, dataset, values, m_threads); break;
    case ElementType::u32: write_positions<std::uint32_t>(m_file, dataset, values, m_threads); break;
    default: write_positions<float>(m_file, dataset, values, m_threads);
  }
  m_file.set_attribute(dataset, "total", summary.total);
}

void TracksWriter::loci(const std::string& set, const std::vector<Locus>& loci, const LociReport& left_out) {
  const std::string folder = "/loci/" + set;
  check_loci(m_file.path(), set, loci, m_chromosomes);
  write_locus_table(m_file, folder, loci);
  m_file.set_attribute(folder, "other_chromosome", left_out.other_chromosome);
  m_file.set_attribute(folder, "beyond_chromosome", left_out.beyond_chromosome);
  m_file.set_attribute(folder, "excluded", left_out.excluded);
  m_file.set_attribute(folder, "outlier", left_out.outlier);
}

void TracksWriter::close() {
  for (const Chromosome& chromosome : m_chromosomes) {
    CHERI_REQUIRE(m_file.exists("/sequence/" + chromosome.name), m_file.path()
                                                                     << " would have no sequence of " << chromosome.name);
  }
  m_file.close();
}

}   // namespace cheri::data
