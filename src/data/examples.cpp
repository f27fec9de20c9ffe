#include "cheri/data/examples.hpp"

#include "bed.hpp"
#include "cheri/base/check.hpp"
#include "example_windows.hpp"
#include "examples_file.hpp"
#include "record_memory.hpp"
#include "tables.hpp"
#include "tracks_records.hpp"

#include <utility>

namespace cheri::data {
namespace {

std::string format_of(const Hdf5File& file) {
  const std::string format = file.has_attribute("/", "format") ? file.attribute<std::string>("/", "format") : "";
  CHERI_REQUIRE_INPUT(format == tracks_format || format == examples_format,
                      file.path() << ": its format is \"" << format
                                  << "\"; expected is a file with the attribute format = \"" << tracks_format
                                  << "\" (cheri import) or \"" << examples_format << "\" (cheri pack)");
  return format;
}

// ---- from a tracks file ------------------------------------------------------------------------------------------------

Candidates loci_of_set(const TracksFile& file, const std::string& set, bool summits) {
  Candidates candidates;
  if (set.empty()) return candidates;
  candidates.loci = file.loci(set);
  for (const Locus& locus : candidates.loci) candidates.centres.push_back(locus.centre(summits));
  return candidates;
}

ExampleIndex index_of_tracks(const TracksFile& file, const DataSpec& spec, const Selection& selection) {
  require_chromosomes(file.path(), file.chromosomes(), selection);
  ExampleIndex index = empty_index(file.chromosomes(), file.tracks(), spec.windows, selection.max_jitter);
  take_loci(index, loci_of_set(file, spec.peaks, spec.summits), LocusKind::peak, file.chromosomes(), selection);
  take_loci(index, loci_of_set(file, spec.negatives, spec.summits), LocusKind::negative, file.chromosomes(), selection);
  return index;
}

// ---- to an examples file -----------------------------------------------------------------------------------------------

void write_index(Hdf5File& file, const ExampleIndex& examples) {
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

Examples open_examples(const DataSpec& spec, const Selection& selection, const Sharing& sharing) {
  Hdf5File file(spec.path, Hdf5File::Access::read);
  Examples examples;
  if (format_of(file) == tracks_format) {
    TracksFile tracks(spec.path);
    ExampleIndex index = index_of_tracks(tracks, spec, selection);
    examples = examples_of_tracks(std::move(tracks), std::move(index));
  } else {
    examples = examples_of_file(std::move(file), spec, selection);
  }
  if (selection.drop_outliers) drop_outliers(examples, spec, sharing);
  return examples;
}

ExampleSet read_examples(const DataSpec& spec, const Selection& selection) {
  return read_all(open_examples(spec, selection));
}

Examples open_regions(const DataSpec& spec, const std::string& bed_path) {
  TracksFile file(spec.path);
  Candidates candidates;
  const BedFile bed = read_bed(bed_path, file.chromosomes());
  candidates.loci = bed.loci;
  for (const Locus& locus : candidates.loci) candidates.centres.push_back(locus.centre(spec.summits));
  ExampleIndex index = empty_index(file.chromosomes(), file.tracks(), spec.windows, 0);
  take_loci(index, candidates, LocusKind::peak, file.chromosomes(), {});
  for (const auto& [name, count] : bed.elsewhere) index.peaks_report.other_chromosome += count;
  const LociReport& report = index.peaks_report;
  CHERI_REQUIRE_INPUT(report.kept > 0, bed_path << ": none of its " << report.other_chromosome + report.beyond_chromosome
                                                << " regions can be predicted: " << report.other_chromosome
                                                << " lie on chromosomes that " << spec.path << " does not have, "
                                                << report.beyond_chromosome << " too near to an end for a window of "
                                                << spec.windows.in_window << " bp");
  return examples_of_tracks(std::move(file), std::move(index));
}

std::vector<Track> read_tracks(const std::string& path) {
  const Hdf5File file(path, Hdf5File::Access::read);
  return format_of(file) == tracks_format ? TracksFile(path).tracks() : tracks_of_file(file);
}

void pack_examples(const DataSpec& spec, const std::string& out_path, const std::string& made_by) {
  const TracksFile tracks(spec.path);
  // Kept is what fits without jitter; a reader decides again, with its own, from the centres.
  ExampleIndex examples = index_of_tracks(tracks, spec, {});
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
  const auto write_to = [&](const char* dataset) {
    return [&file, dataset](std::size_t row, std::size_t channel, const std::vector<float>& record) {
      file.write_box(dataset, {{row, channel, 0}, {1, 1, record.size()}}, record.data(), ElementType::f32);
    };
  };
  const RecordSink sink{[&](std::size_t row, const std::vector<Code>& record) {
                          file.write_box("/sequence", {{row, 0}, {1, in_record}}, record.data(), ElementType::u8);
                        },
                        write_to("/signal"), write_to("/control")};
  cut_records(tracks, examples, numbers_below(examples.size()), sink);
  file.write_checksum("/sequence");
  file.write_checksum("/signal");
  if (controls > 0) file.write_checksum("/control");
  file.close();
}

}   // namespace cheri::data
