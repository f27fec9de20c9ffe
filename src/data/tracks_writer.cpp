// Writing a tracks file.
#include "cheri/data/tracks.hpp"

#include "cheri/base/check.hpp"

#include "tables.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace cheri::data {

namespace {

constexpr std::size_t chunk_positions = 65536;
constexpr int deflate_level = 4;

/// Writes values as T, chunk by chunk, and leaves out chunks of zeros, which HDF5 reads as such.
template <class T, class Value>
void write_positions(Hdf5File& file, const std::string& dataset, const std::vector<Value>& values) {
  const std::size_t chunk = std::min(chunk_positions, values.size());
  // Named: nvcc loses the braces of an argument inside a template.
  const std::vector<std::uint64_t> extents{values.size()};
  file.create(dataset, element_type<T>(), extents, Storage{{chunk}, deflate_level});
  for (std::size_t begin = 0; begin < values.size(); begin += chunk) {
    const std::size_t end = std::min(begin + chunk, values.size());
    std::vector<T> part(end - begin);
    std::transform(values.begin() + static_cast<std::ptrdiff_t>(begin), values.begin() + static_cast<std::ptrdiff_t>(end),
                   part.begin(), [](Value value) { return static_cast<T>(value); });
    const bool is_zero = std::all_of(part.begin(), part.end(), [](T value) { return value == T{0}; });
    if (!is_zero) file.write_rows(dataset, begin, end, part.data(), element_type<T>());
  }
}

}   // namespace

TracksWriter::TracksWriter(const std::string& path, std::vector<Chromosome> chromosomes, std::vector<Track> tracks,
                           const std::string& made_by)
    : m_file(path, Hdf5File::Access::create), m_chromosomes(std::move(chromosomes)), m_tracks(std::move(tracks)) {
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
  write_positions<Code>(m_file, dataset, codes);
}

void TracksWriter::signal(int track, int chromosome, const std::vector<float>& values) {
  const Chromosome& of = m_chromosomes.at(static_cast<std::size_t>(chromosome));
  const std::string dataset = "/signal/" + m_tracks.at(static_cast<std::size_t>(track)).name + "/" + of.name;
  CHERI_REQUIRE(static_cast<std::int64_t>(values.size()) == of.length,
                dataset << " must have " << of.length << " values, and not " << values.size());
  check_signal(m_file.path(), dataset, values);
  switch (narrowest_type(values)) {
    case ElementType::u8: write_positions<std::uint8_t>(m_file, dataset, values); break;
    case ElementType::u16: write_positions<std::uint16_t>(m_file, dataset, values); break;
    case ElementType::u32: write_positions<std::uint32_t>(m_file, dataset, values); break;
    default: write_positions<float>(m_file, dataset, values);
  }
  m_file.set_attribute(dataset, "total", std::accumulate(values.begin(), values.end(), 0.0));
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
