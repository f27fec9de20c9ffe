#include "cheri/data/examples.hpp"

#include "bed.hpp"
#include "cheri/base/check.hpp"
#include "cheri/base/nearest.hpp"
#include "example_windows.hpp"
#include "tables.hpp"

#include <cmath>
#include <cstring>
#include <functional>
#include <map>

namespace cheri::data {
namespace {

constexpr const char* examples_format = "cheri-examples";
constexpr int examples_format_version = 1;

std::string format_of(const Hdf5File& file) {
  const std::string format = file.has_attribute("/", "format") ? file.attribute<std::string>("/", "format") : "";
  CHERI_REQUIRE_INPUT(format == tracks_format || format == examples_format,
                      file.path() << ": its format is \"" << format
                                  << "\"; expected is a file with the attribute format = \"" << tracks_format
                                  << "\" (cheri import) or \"" << examples_format << "\" (cheri pack)");
  return format;
}

/// Throws InputError for a chromosome of the selection that the file does not have.
void require_chromosomes(const std::string& path, const std::vector<Chromosome>& chromosomes, const Selection& selection) {
  std::vector<std::string> names;
  for (const Chromosome& chromosome : chromosomes) names.push_back(chromosome.name);
  for (const std::string& wanted : selection.chromosomes) {
    CHERI_REQUIRE_INPUT(std::find(names.begin(), names.end(), wanted) != names.end(),
                        path << " has no chromosome \"" << wanted << "\"; it has " << join_words(names));
  }
}

ExampleSet empty_set(const std::vector<Chromosome>& chromosomes, const std::vector<Track>& tracks, const Windows& windows,
                     int max_jitter) {
  ExampleSet examples;
  examples.chromosomes = chromosomes;
  examples.tracks = tracks;
  examples.windows = windows;
  examples.max_jitter = max_jitter;
  return examples;
}

// ---- from a tracks file ------------------------------------------------------------------------------------------------

Candidates loci_of_set(const TracksFile& file, const std::string& set, bool summits) {
  Candidates candidates;
  if (set.empty()) return candidates;
  candidates.loci = file.loci(set);
  for (const Locus& locus : candidates.loci) candidates.centres.push_back(locus.centre(summits));
  return candidates;
}

/// The narrowest type for all signals, or all controls, of the genome.
ElementType type_of_tracks(const TracksFile& file, bool control) {
  ElementType type = ElementType::u8;
  for (std::size_t t = 0; t < file.tracks().size(); ++t) {
    if (file.tracks()[t].control == control) type = wider_of(type, file.signal_type(static_cast<int>(t)));
  }
  return type;
}

ExampleSet take_from_tracks(const TracksFile& file, const DataSpec& spec, const Selection& selection) {
  require_chromosomes(file.path(), file.chromosomes(), selection);
  ExampleSet examples = empty_set(file.chromosomes(), file.tracks(), spec.windows, selection.max_jitter);
  take_loci(examples, loci_of_set(file, spec.peaks, spec.summits), LocusKind::peak, file.chromosomes(), selection);
  take_loci(examples, loci_of_set(file, spec.negatives, spec.summits), LocusKind::negative, file.chromosomes(), selection);
  return examples;
}

/// Where the records of a tracks file go: `codes` of a row, and `values` of a row and a track.
struct RecordSink {
  std::function<void(std::size_t row, const std::vector<Code>& record)> codes;
  std::function<void(std::size_t row, std::size_t track, const std::vector<float>& record)> values;
};

/// Cuts the records of all examples, chromosome by chromosome and track by track: one of them is in memory at a time.
void cut_records(const TracksFile& file, const ExampleSet& examples, const RecordSink& sink) {
  std::map<int, std::vector<std::size_t>> rows_of_chromosome;
  for (std::size_t row = 0; row < examples.loci.size(); ++row)
    rows_of_chromosome[examples.loci[row].chromosome].push_back(row);
  const int in_window = examples.windows.in_window, out_window = examples.windows.out_window, jitter = examples.max_jitter;
  for (const auto& [chromosome, rows] : rows_of_chromosome) {
    std::vector<Code> codes(static_cast<std::size_t>(in_window + 2 * jitter));
    const std::vector<Code> sequence = file.sequence(chromosome);
    for (const std::size_t row : rows) {
      cut(sequence, record_begin(examples.centres[row], in_window, jitter), codes, Code{4});
      sink.codes(row, codes);
    }
    for (std::size_t t = 0; t < file.tracks().size(); ++t) {
      const int window = file.tracks()[t].control ? in_window : out_window;
      std::vector<float> record(static_cast<std::size_t>(window + 2 * jitter));
      const std::vector<float> signal = file.signal(static_cast<int>(t), chromosome);
      for (const std::size_t row : rows) {
        cut(signal, record_begin(examples.centres[row], window, jitter), record, 0.0f);
        sink.values(row, t, record);
      }
    }
  }
}

/// Cuts the records of loci that are taken already.
void fill_records(ExampleSet& examples, const TracksFile& file) {
  allocate_records(examples, type_of_tracks(file, false), type_of_tracks(file, true));
  const auto signals = static_cast<std::size_t>(examples.n_signals()),
             controls = static_cast<std::size_t>(examples.n_controls());
  const RecordSink sink{[&](std::size_t row, const std::vector<Code>& record) {
                          std::copy(record.begin(), record.end(),
                                    examples.codes.begin() + static_cast<std::ptrdiff_t>(row * record.size()));
                        },
                        [&](std::size_t row, std::size_t track, const std::vector<float>& record) {
                          if (track < signals)
                            store_values(examples.signal, (row * signals + track) * record.size(), record);
                          else store_values(examples.control, (row * controls + track - signals) * record.size(), record);
                        }};
  cut_records(file, examples, sink);
}

ExampleSet examples_from_tracks(const TracksFile& file, const DataSpec& spec, const Selection& selection) {
  ExampleSet examples = take_from_tracks(file, spec, selection);
  fill_records(examples, file);
  return examples;
}

// ---- from an examples file ---------------------------------------------------------------------------------------------

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
    of_kind.rows.push_back(i);
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
  const std::uint64_t controls =
      file.exists("/control") ? require_extents(file, "/control", 3, n, index.windows.in_window + flanks)[1] : 0;
  index.tracks = file_tracks(file, signals, controls);
  index.chromosomes = file_chromosomes(file);
  read_file_loci(file, n, index);
  return index;
}

template <class T>
SignalBlock block_as(const Hdf5File& file, const std::string& name) {
  const auto values = file.read<T>(name);
  SignalBlock block{element_type<T>(), std::vector<std::byte>(values.size() * sizeof(T))};
  if (!values.empty()) std::memcpy(block.bytes.data(), values.data(), block.bytes.size());
  return block;
}

/// A whole dataset of signals; signed and wide numbers become the narrowest type that holds them.
SignalBlock read_block(const Hdf5File& file, const std::string& name) {
  switch (file.type(name)) {
    case ElementType::u8: return block_as<std::uint8_t>(file, name);
    case ElementType::u16: return block_as<std::uint16_t>(file, name);
    case ElementType::u32: return block_as<std::uint32_t>(file, name);
    default: break;
  }
  const auto values = file.read<float>(name);
  check_signal(file.path(), name, values);
  SignalBlock block{file.type(name) == ElementType::f32 ? ElementType::f32 : narrowest_type(values), {}};
  block.bytes.resize(values.size() * size_of(block.type));
  store_values(block, 0, values);
  return block;
}

/// Rows and positions of a file's records that the examples take.
struct SubRecords {
  std::vector<std::size_t> rows;
  std::size_t channels, record, begin,
      width;   ///< of the file: channels and positions; of the part: first position, positions

  template <class T>
  std::vector<T> of(const std::vector<T>& from, std::size_t element) const {
    std::vector<T> part;
    part.reserve(rows.size() * channels * width * element);
    for (const std::size_t row : rows) {
      for (std::size_t c = 0; c < channels; ++c) {
        const auto at = from.begin() + static_cast<std::ptrdiff_t>(((row * channels + c) * record + begin) * element);
        part.insert(part.end(), at, at + static_cast<std::ptrdiff_t>(width * element));
      }
    }
    return part;
  }
};

/// The part of the file's records, of `window` + 2 jitter positions, that a narrower window and jitter take.
SubRecords sub_records(const std::vector<std::size_t>& rows, std::size_t channels, int file_window, int file_jitter,
                       int window, int jitter) {
  const std::int64_t begin = record_begin(0, window, jitter) - record_begin(0, file_window, file_jitter);
  return {rows, channels, static_cast<std::size_t>(file_window + 2 * file_jitter), static_cast<std::size_t>(begin),
          static_cast<std::size_t>(window + 2 * jitter)};
}

void require_windows(const std::string& path, const Windows& file, const Windows& wanted, int max_jitter) {
  CHERI_REQUIRE_INPUT(wanted.in_window + 2 * max_jitter <= file.in_window + 2 * file.max_jitter &&
                          wanted.out_window + 2 * max_jitter <= file.out_window + 2 * file.max_jitter &&
                          wanted.in_window <= file.in_window && wanted.out_window <= file.out_window,
                      path << " holds windows of " << file.in_window << " and " << file.out_window << " bp with a jitter of "
                           << file.max_jitter << ", too narrow for " << wanted.in_window << " and " << wanted.out_window
                           << " with " << max_jitter << ": pack it again with wider ones");
}

ExampleSet examples_from_file(const Hdf5File& file, const DataSpec& spec, const Selection& selection) {
  const ExamplesIndex index = read_index(file);
  require_windows(file.path(), index.windows, spec.windows, selection.max_jitter);
  require_chromosomes(file.path(), index.chromosomes, selection);
  ExampleSet examples = empty_set(index.chromosomes, index.tracks, spec.windows, selection.max_jitter);
  std::vector<std::size_t> rows;
  for (const std::size_t i : take_loci(examples, index.peaks, LocusKind::peak, index.chromosomes, selection)) {
    rows.push_back(index.peaks.rows[i]);
  }
  for (const std::size_t i : take_loci(examples, index.negatives, LocusKind::negative, index.chromosomes, selection)) {
    rows.push_back(index.negatives.rows[i]);
  }

  const int jitter = selection.max_jitter, file_jitter = index.windows.max_jitter;
  const auto sequence = file.read<Code>("/sequence");
  check_codes(file.path(), "/sequence", sequence);
  examples.codes =
      sub_records(rows, 1, index.windows.in_window, file_jitter, spec.windows.in_window, jitter).of(sequence, 1);
  const SignalBlock signal = read_block(file, "/signal");
  examples.signal.type = signal.type;
  examples.signal.bytes = sub_records(rows, static_cast<std::size_t>(examples.n_signals()), index.windows.out_window,
                                      file_jitter, spec.windows.out_window, jitter)
                              .of(signal.bytes, size_of(signal.type));
  if (examples.n_controls() == 0) return examples;
  const SignalBlock control = read_block(file, "/control");
  examples.control.type = control.type;
  examples.control.bytes = sub_records(rows, static_cast<std::size_t>(examples.n_controls()), index.windows.in_window,
                                       file_jitter, spec.windows.in_window, jitter)
                               .of(control.bytes, size_of(control.type));
  return examples;
}

// ---- to an examples file -----------------------------------------------------------------------------------------------

void write_index(Hdf5File& file, const ExampleSet& examples) {
  file.set_attribute("/", "in_window", std::int64_t{examples.windows.in_window});
  file.set_attribute("/", "out_window", std::int64_t{examples.windows.out_window});
  file.set_attribute("/", "max_jitter", std::int64_t{examples.max_jitter});
  std::vector<std::string> names;
  std::vector<std::int64_t> lengths;
  for (const Chromosome& chromosome : examples.chromosomes) {
    names.push_back(chromosome.name);
    lengths.push_back(chromosome.length);
  }
  file.write_strings("/chromosomes/name", names);
  file.write("/chromosomes/length", lengths);
  write_track_table(file, examples.tracks);
  write_locus_table(file, "/loci", examples.loci);
  file.write("/loci/centre", examples.centres);
  std::vector<std::uint8_t> kinds(static_cast<std::size_t>(examples.n_peaks), static_cast<std::uint8_t>(LocusKind::peak));
  kinds.resize(static_cast<std::size_t>(examples.size()), static_cast<std::uint8_t>(LocusKind::negative));
  file.write("/loci/kind", kinds);
}

}   // namespace

ExampleSet read_examples(const DataSpec& spec, const Selection& selection) {
  Hdf5File file(spec.path, Hdf5File::Access::read);
  ExampleSet examples = format_of(file) == tracks_format ? examples_from_tracks(TracksFile(spec.path), spec, selection)
                                                         : examples_from_file(file, spec, selection);
  if (selection.drop_outliers) drop_outliers(examples, spec);
  return examples;
}

ExampleSet read_regions(const DataSpec& spec, const std::string& bed_path) {
  const TracksFile file(spec.path);
  Candidates candidates;
  const BedFile bed = read_bed(bed_path, file.chromosomes());
  candidates.loci = bed.loci;
  for (const Locus& locus : candidates.loci) candidates.centres.push_back(locus.centre(spec.summits));
  ExampleSet examples = empty_set(file.chromosomes(), file.tracks(), spec.windows, 0);
  take_loci(examples, candidates, LocusKind::peak, file.chromosomes(), {});
  for (const auto& [name, count] : bed.elsewhere) examples.peaks_report.other_chromosome += count;
  const LociReport& report = examples.peaks_report;
  CHERI_REQUIRE_INPUT(report.kept > 0, bed_path << ": none of its " << report.other_chromosome + report.beyond_chromosome
                                                << " regions can be predicted: " << report.other_chromosome
                                                << " lie on chromosomes that " << spec.path << " does not have, "
                                                << report.beyond_chromosome << " too near to an end for a window of "
                                                << spec.windows.in_window << " bp");
  fill_records(examples, file);
  return examples;
}

std::vector<Track> read_tracks(const std::string& path) {
  const Hdf5File file(path, Hdf5File::Access::read);
  return format_of(file) == tracks_format ? TracksFile(path).tracks() : read_index(file).tracks;
}

void pack_examples(const DataSpec& spec, const std::string& out_path, const std::string& made_by) {
  const TracksFile tracks(spec.path);
  // Kept is what fits without jitter; a reader decides again, with its own, from the centres.
  ExampleSet examples = take_from_tracks(tracks, spec, {});
  examples.max_jitter = spec.windows.max_jitter;
  CHERI_REQUIRE_INPUT(examples.size() > 0, spec.path << ": no locus of \"" << spec.peaks << "\" or \"" << spec.negatives
                                                     << "\" has room for its windows");
  const auto n = static_cast<std::uint64_t>(examples.size());
  const auto signals = static_cast<std::uint64_t>(examples.n_signals()),
             controls = static_cast<std::uint64_t>(examples.n_controls());
  const auto in_record = static_cast<std::uint64_t>(examples.windows.in_window + 2 * examples.max_jitter);
  const auto out_record = static_cast<std::uint64_t>(examples.windows.out_window + 2 * examples.max_jitter);

  Hdf5File file(out_path, Hdf5File::Access::create);
  set_format(file, examples_format, examples_format_version, made_by);
  write_index(file, examples);
  file.create("/sequence", ElementType::u8, {n, in_record});
  file.create("/signal", type_of_tracks(tracks, false), {n, signals, out_record});
  if (controls > 0) file.create("/control", type_of_tracks(tracks, true), {n, controls, in_record});
  const RecordSink sink{[&](std::size_t row, const std::vector<Code>& record) {
                          file.write_box("/sequence", {{row, 0}, {1, in_record}}, record.data(), ElementType::u8);
                        },
                        [&](std::size_t row, std::size_t track, const std::vector<float>& record) {
                          const bool control = track >= signals;
                          const Box box{{row, control ? track - signals : track, 0}, {1, 1, record.size()}};
                          file.write_box(control ? "/control" : "/signal", box, record.data(), ElementType::f32);
                        }};
  cut_records(tracks, examples, sink);
  file.write_checksum("/sequence");
  file.write_checksum("/signal");
  if (controls > 0) file.write_checksum("/control");
  file.close();
}

}   // namespace cheri::data
