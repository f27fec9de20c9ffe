// Writing a tracks file.
#include "cheri/data/tracks.hpp"

#include "cheri/base/check.hpp"

#include "packed_positions.hpp"
#include "tables.hpp"

#include <algorithm>
#include <numeric>
#include <span>
#include <utility>

namespace cheri::data {

namespace {

constexpr int deflate_level = 1;   // what the file says of chunks that packed_chunk has made

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
  CHERI_REQUIRE(static_cast<std::int64_t>(codes.size()) == of.length,
                dataset_of(of) << " must have " << of.length << " codes, and not " << codes.size());
  sequence(chromosome, pack_sequence(m_file.path(), dataset_of(of), codes, 1));
}

void TracksWriter::signal(int track, int chromosome, const std::vector<float>& values) {
  const Chromosome& of = m_chromosomes.at(static_cast<std::size_t>(chromosome));
  const std::string dataset = dataset_of(m_tracks.at(static_cast<std::size_t>(track)), of);
  CHERI_REQUIRE(static_cast<std::int64_t>(values.size()) == of.length,
                dataset << " must have " << of.length << " values, and not " << values.size());
  signal(track, chromosome, pack_signal(m_file.path(), dataset, values, 1));
}

void TracksWriter::sequence(int chromosome, const PackedPositions& packed) {
  const Chromosome& of = m_chromosomes.at(static_cast<std::size_t>(chromosome));
  write(dataset_of(of), of.length, packed);
}

void TracksWriter::signal(int track, int chromosome, const PackedPositions& packed) {
  const Chromosome& of = m_chromosomes.at(static_cast<std::size_t>(chromosome));
  const std::string dataset = dataset_of(m_tracks.at(static_cast<std::size_t>(track)), of);
  write(dataset, of.length, packed);
  m_file.set_attribute(dataset, "total", packed.total);
}

/// Leaves out chunks of zeros, which HDF5 reads as such.
void TracksWriter::write(const std::string& dataset, std::int64_t length, const PackedPositions& packed) {
  const auto n = static_cast<std::uint64_t>(length);
  const std::uint64_t positions = std::min<std::uint64_t>(chunk_positions, n);
  CHERI_REQUIRE(packed.chunk_bytes.size() == (n + positions - 1) / positions,
                dataset << " of " << n << " positions has " << packed.chunk_bytes.size() << " chunks");
  const auto bytes = std::accumulate(packed.chunk_bytes.begin(), packed.chunk_bytes.end(), std::uint64_t{0});
  CHERI_REQUIRE(bytes == packed.bytes.size(),
                dataset << " has chunks of " << bytes << " bytes in all, and " << packed.bytes.size() << " bytes");
  m_file.create(dataset, packed.type, {n}, Storage{{positions}, deflate_level});
  std::size_t begin = 0;
  for (std::size_t i = 0; i < packed.chunk_bytes.size(); ++i) {
    const std::size_t size = packed.chunk_bytes[i];
    if (size > 0) m_file.write_chunk(dataset, {i * positions}, std::span(packed.bytes).subspan(begin, size));
    begin += size;
  }
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
    CHERI_REQUIRE(m_file.exists(dataset_of(chromosome)), m_file.path() << " would have no sequence of " << chromosome.name);
  }
  m_file.close();
}

}   // namespace cheri::data
