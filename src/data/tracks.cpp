// Reading a tracks file.
#include "cheri/data/tracks.hpp"

#include "cheri/base/check.hpp"
#include "cheri/base/nearest.hpp"

#include "tables.hpp"

#include <algorithm>
#include <numeric>

namespace cheri::data {

namespace {

std::vector<std::string> names_of(const std::vector<Chromosome>& chromosomes) {
  std::vector<std::string> names;
  for (const Chromosome& chromosome : chromosomes) names.push_back(chromosome.name);
  return names;
}

std::vector<Chromosome> read_chromosome_table(const Hdf5File& file) {
  const auto names = file.read_strings("/chromosomes/name");
  const auto lengths = file.read<std::int64_t>("/chromosomes/length");
  CHERI_REQUIRE_INPUT(names.size() == lengths.size(),
                      file.path() << ": /chromosomes has " << names.size() << " names and " << lengths.size() << " lengths");
  std::vector<Chromosome> chromosomes;
  for (std::size_t i = 0; i < names.size(); ++i) chromosomes.push_back({names[i], lengths[i]});
  check_chromosomes(file.path(), chromosomes);
  return chromosomes;
}

/// A dataset that holds one value for each position of a chromosome.
template <class T>
std::vector<T> read_positions(const Hdf5File& file, const std::string& dataset, const Chromosome& chromosome) {
  const std::vector<std::uint64_t> expected = {static_cast<std::uint64_t>(chromosome.length)};
  CHERI_REQUIRE_INPUT(file.extents(dataset) == expected,
                      file.path() << ": " << dataset << " must have one value for each of the " << chromosome.length
                                  << " positions of \"" << chromosome.name << '"');
  return file.read<T>(dataset);
}

/// Only types that a signal can have, so that a total or a window is exact.
ElementType stored_type(const Hdf5File& file, const std::string& dataset) {
  const ElementType type = file.type(dataset);
  const bool is_whole = type == ElementType::u8 || type == ElementType::u16 || type == ElementType::u32;
  return is_whole ? type : ElementType::f32;
}

}   // namespace

TracksFile::TracksFile(const std::string& path) : m_file(path, Hdf5File::Access::read) {
  require_format(m_file, tracks_format, tracks_format_version);
  m_chromosomes = read_chromosome_table(m_file);
  m_tracks = read_track_table(m_file);
}

std::string TracksFile::made_by() const { return m_file.attribute<std::string>("/", "made_by"); }

std::vector<std::string> TracksFile::loci_sets() const {
  return m_file.exists("/loci") ? m_file.children("/loci") : std::vector<std::string>{};
}

std::vector<Locus> TracksFile::loci(const std::string& set) const {
  const std::vector<std::string> sets = loci_sets();
  CHERI_REQUIRE_INPUT(std::find(sets.begin(), sets.end(), set) != sets.end(),
                      path() << " has no loci \"" << set << "\"; there are " << (sets.empty() ? "none" : join_words(sets)));
  std::vector<Locus> loci = read_locus_table(m_file, "/loci/" + set);
  check_loci(path(), set, loci, m_chromosomes);
  return loci;
}

LociReport TracksFile::left_out(const std::string& set) const {
  const auto number = [&](const std::string& name) {
    return m_file.has_attribute("/loci/" + set, name) ? m_file.attribute<std::int64_t>("/loci/" + set, name) : 0;
  };
  LociReport report;
  report.other_chromosome = number("other_chromosome");
  report.beyond_chromosome = number("beyond_chromosome");
  report.excluded = number("excluded");
  report.outlier = number("outlier");
  return report;
}

std::vector<Code> TracksFile::sequence(int chromosome) const {
  const Chromosome& of = m_chromosomes.at(static_cast<std::size_t>(chromosome));
  const std::string dataset = dataset_of(of);
  std::vector<Code> codes = read_positions<Code>(m_file, dataset, of);
  check_codes(path(), dataset, codes);
  return codes;
}

std::vector<float> TracksFile::signal(int track, int chromosome) const {
  const Chromosome& of = m_chromosomes.at(static_cast<std::size_t>(chromosome));
  const std::string dataset = dataset_of(m_tracks.at(static_cast<std::size_t>(track)), of);
  if (!m_file.exists(dataset)) return std::vector<float>(static_cast<std::size_t>(of.length), 0.0f);
  std::vector<float> values = read_positions<float>(m_file, dataset, of);
  check_signal(path(), dataset, values);
  return values;
}

double TracksFile::total(int track, int chromosome) const {
  const std::string dataset =
      dataset_of(m_tracks.at(static_cast<std::size_t>(track)), m_chromosomes.at(static_cast<std::size_t>(chromosome)));
  if (!m_file.exists(dataset)) return 0;
  if (m_file.has_attribute(dataset, "total")) return m_file.attribute<double>(dataset, "total");
  const std::vector<float> values = signal(track, chromosome);
  return std::accumulate(values.begin(), values.end(), 0.0);
}

ElementType TracksFile::signal_type(int track) const {
  ElementType type = ElementType::u8;
  for (const Chromosome& chromosome : m_chromosomes) {
    const std::string dataset = dataset_of(m_tracks.at(static_cast<std::size_t>(track)), chromosome);
    if (m_file.exists(dataset)) type = wider_of(type, stored_type(m_file, dataset));
  }
  return type;
}

int TracksFile::chromosome_index(const std::string& name) const {
  const std::vector<std::string> names = names_of(m_chromosomes);
  const auto found = std::find(names.begin(), names.end(), name);
  CHERI_REQUIRE_INPUT(found != names.end(), path()
                                                << " has no chromosome \"" << name << "\"; there are " << join_words(names));
  return static_cast<int>(found - names.begin());
}

}   // namespace cheri::data
