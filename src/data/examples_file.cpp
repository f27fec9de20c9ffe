#include "examples_file.hpp"

#include "cheri/base/check.hpp"
#include "example_windows.hpp"
#include "record_column.hpp"
#include "tables.hpp"

#include <algorithm>
#include <memory>
#include <utility>

namespace cheri::data {
namespace {

// ---- the index ---------------------------------------------------------------------------------------------------------

struct ExamplesIndex {
  std::vector<Chromosome> chromosomes;
  std::vector<Track> tracks;
  Windows windows;
  Candidates peaks, negatives;
};

Windows file_windows(const Hdf5File& file) {
  const auto number = [&](const char* name) {
    const auto value = file.attribute<std::int64_t>("/", name);
    CHERI_REQUIRE_INPUT(value >= 0 && value <= 1 << 30, file.path() << ": the attribute " << name << " is " << value);
    return static_cast<int>(value);
  };
  return {number("in_window"), number("out_window"), file.has_attribute("/", "max_jitter") ? number("max_jitter") : 0};
}

/// Chromosomes by name; their lengths are 0 where the file does not give them.
std::vector<Chromosome> file_chromosomes(const Hdf5File& file) {
  std::vector<Chromosome> chromosomes;
  if (!file.exists("/chromosomes/name")) return {{"", 0}};
  for (const std::string& name : file.read_strings("/chromosomes/name")) chromosomes.push_back({name, 0});
  if (!file.exists("/chromosomes/length")) return chromosomes;
  const auto lengths = file.read<std::int64_t>("/chromosomes/length");
  CHERI_REQUIRE_INPUT(lengths.size() == chromosomes.size(), file.path() << ": /chromosomes has " << chromosomes.size()
                                                                        << " names and " << lengths.size() << " lengths");
  for (std::size_t i = 0; i < lengths.size(); ++i) chromosomes[i].length = lengths[i];
  check_chromosomes(file.path(), chromosomes);
  return chromosomes;
}

/// The track table, or where there is none every channel a track of its own.
std::vector<Track> file_tracks(const Hdf5File& file, std::uint64_t signals, std::uint64_t controls) {
  if (!file.exists("/tracks/name")) {
    std::vector<Track> tracks;
    for (std::uint64_t t = 0; t < signals; ++t)
      tracks.push_back({"signal" + std::to_string(t), static_cast<int>(t), ".", false});
    for (std::uint64_t k = 0; k < controls; ++k)
      tracks.push_back({"control" + std::to_string(k), static_cast<int>(k), ".", true});
    return tracks;
  }
  std::vector<Track> tracks = read_track_table(file);
  check_tracks(file.path(), tracks);
  const auto n_controls =
      static_cast<std::uint64_t>(std::count_if(tracks.begin(), tracks.end(), [](const Track& t) { return t.control; }));
  CHERI_REQUIRE_INPUT(n_controls == controls && tracks.size() - n_controls == signals,
                      file.path() << ": /tracks names " << tracks.size() - n_controls << " signals and " << n_controls
                                  << " controls, /signal and /control hold " << signals << " and " << controls);
  return tracks;
}

/// Extents of a dataset, which must have the given number of dimensions, n rows, and records of `record` elements.
std::vector<std::uint64_t> require_extents(const Hdf5File& file, const std::string& name, std::size_t dimensions,
                                           std::uint64_t n, int record) {
  const auto extents = file.extents(name);
  CHERI_REQUIRE_INPUT(
      extents.size() == dimensions && extents.front() == n && extents.back() == static_cast<std::uint64_t>(record),
      file.path() << ": " << name << " must have " << dimensions << " dimensions, " << n << " rows and records of " << record
                  << " positions (window + 2 max_jitter)");
  return extents;
}

/// The locus table, or where there is none numbered peaks on a chromosome without a name.
void read_file_loci(const Hdf5File& file, std::uint64_t n, ExamplesIndex& index) {
  std::vector<Locus> loci(n);
  if (file.exists("/loci/chrom")) loci = read_locus_table(file, "/loci");
  std::vector<std::int64_t> centres;
  for (const Locus& locus : loci) centres.push_back(locus.centre(false));
  if (file.exists("/loci/centre")) centres = file.read<std::int64_t>("/loci/centre");
  std::vector<std::uint8_t> kinds(n, static_cast<std::uint8_t>(LocusKind::peak));
  if (file.exists("/loci/kind")) kinds = file.read<std::uint8_t>("/loci/kind");
  CHERI_REQUIRE_INPUT(loci.size() == n && kinds.size() == n && centres.size() == n,
                      file.path() << ": /loci has " << loci.size() << " loci, " << kinds.size() << " kinds and "
                                  << centres.size() << " centres for " << n << " examples");
  for (std::size_t i = 0; i < n; ++i) {
    CHERI_REQUIRE_INPUT(loci[i].chromosome >= 0 && static_cast<std::size_t>(loci[i].chromosome) < index.chromosomes.size(),
                        file.path() << ": locus " << i << " lies on chromosome " << loci[i].chromosome << " of "
                                    << index.chromosomes.size());
    CHERI_REQUIRE_INPUT(kinds[i] <= 1, file.path() << ": locus " << i << " has the kind " << int{kinds[i]}
                                                   << "; it must be 0 (peak) or 1 (negative)");
    Candidates& of_kind = kinds[i] == 0 ? index.peaks : index.negatives;
    of_kind.loci.push_back(loci[i]);
    of_kind.centres.push_back(centres[i]);
    of_kind.rows.push_back(static_cast<std::int64_t>(i));
  }
}

ExamplesIndex read_index(const Hdf5File& file) {
  require_format(file, examples_format, examples_format_version);
  ExamplesIndex index;
  index.windows = file_windows(file);
  const auto shape = file.extents("/sequence");
  CHERI_REQUIRE_INPUT(shape.size() == 2, file.path() << ": /sequence must have two dimensions (examples, positions)");
  const std::uint64_t n = shape[0];
  const int flanks = 2 * index.windows.max_jitter;
  require_extents(file, "/sequence", 2, n, index.windows.in_window + flanks);
  const std::uint64_t signals = require_extents(file, "/signal", 3, n, index.windows.out_window + flanks)[1];
  CHERI_REQUIRE_INPUT(signals > 0, file.path() << ": /signal has no channel");
  const std::uint64_t controls =
      file.exists("/control") ? require_extents(file, "/control", 3, n, index.windows.in_window + flanks)[1] : 0;
  index.tracks = file_tracks(file, signals, controls);
  index.chromosomes = file_chromosomes(file);
  read_file_loci(file, n, index);
  return index;
}

void require_windows(const std::string& path, const Windows& file, const Windows& wanted, int max_jitter) {
  CHERI_REQUIRE_INPUT(wanted.in_window + 2 * max_jitter <= file.in_window + 2 * file.max_jitter &&
                          wanted.out_window + 2 * max_jitter <= file.out_window + 2 * file.max_jitter &&
                          wanted.in_window <= file.in_window && wanted.out_window <= file.out_window,
                      path << " holds windows of " << file.in_window << " and " << file.out_window << " bp with a jitter of "
                           << file.max_jitter << ", too narrow for " << wanted.in_window << " and " << wanted.out_window
                           << " with " << max_jitter << ": pack it again with wider ones");
}

// ---- the records -------------------------------------------------------------------------------------------------------

/// The part of the file's records, of `window` + 2 jitter positions, that a narrower window and jitter take.
ColumnPart part_of(int file_window, int file_jitter, int window, int jitter) {
  return {record_begin(0, window, jitter) - record_begin(0, file_window, file_jitter), window + 2 * jitter};
}

class FileRecords : public RecordSource {
 public:
  /// Of a file with n records; those that are wanted are narrower.
  FileRecords(Hdf5File file, std::int64_t n, const Windows& windows, const Windows& wanted, int max_jitter)
      : m_file(std::move(file)),
        m_positioned(m_file.path()),
        m_in_part(part_of(windows.in_window, windows.max_jitter, wanted.in_window, max_jitter)),
        m_out_part(part_of(windows.out_window, windows.max_jitter, wanted.out_window, max_jitter)),
        m_sequence(m_file, m_positioned, "/sequence", RecordColumn::Holds::codes, n),
        m_signal(m_file, m_positioned, "/signal", RecordColumn::Holds::signal, n) {
    if (m_file.exists("/control")) m_control.emplace(m_file, m_positioned, "/control", RecordColumn::Holds::signal, n);
  }

  [[nodiscard]] ElementType signal_type() const { return m_signal.type(); }
  [[nodiscard]] ElementType control_type() const { return m_control ? m_control->type() : ElementType::u8; }

  void read(std::span<const std::int64_t> records, const RecordMemory& to) const override {
    if (to.codes != nullptr) m_sequence.read(records, m_in_part, reinterpret_cast<std::byte*>(to.codes));
    if (to.signal != nullptr) m_signal.read(records, m_out_part, to.signal);
    if (to.control != nullptr && m_control) m_control->read(records, m_in_part, to.control);
  }

  [[nodiscard]] std::string why_not_streamed() const override {
    for (const RecordColumn* column : columns()) {
      if (const std::string why = column->why_not_positioned(); !why.empty()) return why;
    }
    return {};
  }

  void verify(const Sharing& sharing) const override {
    for (const RecordColumn* column : columns()) column->verify(sharing);
  }

 private:
  [[nodiscard]] std::vector<const RecordColumn*> columns() const {
    std::vector<const RecordColumn*> all = {&m_sequence, &m_signal};
    if (m_control) all.push_back(&*m_control);
    return all;
  }

  Hdf5File m_file;   ///< for the columns that positioned reads do not serve, and for checksums
  PositionedFile m_positioned;
  ColumnPart m_in_part, m_out_part;
  RecordColumn m_sequence, m_signal;
  std::optional<RecordColumn> m_control;
};

}   // namespace

Examples examples_of_file(Hdf5File file, const DataSpec& spec, const Selection& selection) {
  const ExamplesIndex from = read_index(file);
  require_windows(file.path(), from.windows, spec.windows, selection.max_jitter);
  require_chromosomes(file.path(), from.chromosomes, selection);
  Examples examples;
  examples.index = empty_index(from.chromosomes, from.tracks, spec.windows, selection.max_jitter);
  for (const LocusKind kind : {LocusKind::peak, LocusKind::negative}) {
    const Candidates& candidates = kind == LocusKind::peak ? from.peaks : from.negatives;
    for (const std::size_t i : take_loci(examples.index, candidates, kind, from.chromosomes, selection))
      examples.records.push_back(candidates.rows[i]);
  }
  const auto n = static_cast<std::int64_t>(from.peaks.loci.size() + from.negatives.loci.size());
  const auto records = std::make_shared<FileRecords>(std::move(file), n, from.windows, spec.windows, selection.max_jitter);
  examples.layout = examples.index.layout(records->signal_type(), records->control_type());
  examples.source = records;
  return examples;
}

std::vector<Track> tracks_of_file(const Hdf5File& file) { return read_index(file).tracks; }

}   // namespace cheri::data
