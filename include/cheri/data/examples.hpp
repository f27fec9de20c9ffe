// Examples: the windows around loci, from a tracks file or from an examples file.
#pragma once

#include "cheri/base/types.hpp"
#include "cheri/data/hdf5.hpp"
#include "cheri/data/loci.hpp"
#include "cheri/data/records.hpp"
#include "cheri/data/tracks.hpp"

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace cheri::data {

/// What a run takes from a file.
struct DataSpec {
  std::string path;                      ///< a tracks or an examples file
  std::string peaks = "peaks";           ///< names of the loci sets
  std::string negatives = "negatives";   ///< empty: none
  Windows windows;
  bool summits = false;             ///< centre on the summit where a locus has one
  double outlier_quantile = 0.99;   ///< training peaks whose counts, in any group, exceed
  double outlier_factor = 1.2;      ///< factor * quantile are dropped; factor 0 keeps all
};

/// Everything about examples but their records. Peaks first, then negatives, each in the file's order. Every record has the
/// same widths: the windows plus max_jitter on either side (flanks of negatives, which carry no jitter, may hang over a
/// chromosome's end: code 4, 0).
struct ExampleIndex {
  std::vector<Chromosome> chromosomes;   ///< for loci; a length is 0 where the file does not tell it
  std::vector<Locus> loci;               ///< n
  std::vector<std::int64_t> centres;     ///< n, the centre actually used
  std::int64_t n_peaks = 0;
  std::int64_t n_negatives = 0;
  std::vector<Track> tracks;   ///< signals in order, then controls
  Windows windows;
  int max_jitter = 0;   ///< flank held on either side
  LociReport peaks_report, negatives_report;

  [[nodiscard]] std::int64_t size() const { return n_peaks + n_negatives; }
  [[nodiscard]] int n_signals() const;
  [[nodiscard]] int n_controls() const;
  [[nodiscard]] std::vector<int> signal_groups() const;   ///< channels of each group, in order
  [[nodiscard]] RecordLayout layout(ElementType signal, ElementType control) const;
};

/// Signals as the file holds them: (n, T, width) in the narrowest exact type.
struct SignalBlock {
  ElementType type = ElementType::u8;
  std::vector<std::byte> bytes;

  [[nodiscard]] float at(std::size_t i) const;
};

/// Examples with all of their records in host memory.
struct ExampleSet : ExampleIndex {
  std::vector<Code> codes;   ///< (n, in_window + 2 max_jitter)
  SignalBlock signal;        ///< (n, T, out_window + 2 max_jitter)
  SignalBlock control;       ///< (n, K, in_window + 2 max_jitter)
};

/// Examples whose records are read when they are wanted.
struct Examples {
  ExampleIndex index;
  RecordLayout layout;
  std::vector<std::int64_t> records;   ///< n, the number of each in the source
  std::shared_ptr<const RecordSource> source;

  [[nodiscard]] std::size_t bytes() const { return static_cast<std::size_t>(index.size()) * layout.bytes(); }

  /// The wanted parts of the records of examples [begin, end); by several threads where the source allows.
  void read(std::int64_t begin, std::int64_t end, const RecordMemory& to) const;

  /// Calls visit(i, signals of example i) for i in [begin, end), in order. In bounded memory where the source reads one
  /// record at a time; else in that of a chromosome's, where each chromosome's examples stand together.
  void visit_signals(std::int64_t begin, std::int64_t end,
                     const std::function<void(std::int64_t, const std::byte*)>& visit) const;
};

/// Which loci of a spec.
struct Selection {
  std::vector<std::string> chromosomes;   ///< empty: all
  int max_jitter = 0;                     ///< flank to hold; decides for peaks which are kept
  bool drop_outliers = false;
};

/// Reads the index, and for outliers the signals of the peaks, which several readers may share. Throws InputError for a
/// missing chromosome or set, windows that the file cannot serve, a damaged file.
Examples open_examples(const DataSpec& spec, const Selection& selection, const Sharing& sharing = {});

/// One example a line of a BED file, all as peaks, without jitter, from a tracks file; those without room for the windows
/// and those on other chromosomes are left out and counted in peaks_report. Throws InputError if none is left.
Examples open_regions(const DataSpec& spec, const std::string& bed_path);

/// Examples whose records are in host memory already; `keeper` owns that memory.
Examples examples_in(const ExampleIndex& index, const RecordLayout& layout, const RecordMemory& memory,
                     std::shared_ptr<const void> keeper);
Examples examples_of(ExampleSet set);

/// The source is verified, and all records are read.
ExampleSet read_all(const Examples& examples);

/// open_examples and read_all.
ExampleSet read_examples(const DataSpec& spec, const Selection& selection);

/// The tracks of a tracks or examples file, signals first.
std::vector<Track> read_tracks(const std::string& path);

/// `cheri pack`: all loci of a spec (outliers included) into an examples file.
void pack_examples(const DataSpec& spec, const std::string& out_path, const std::string& made_by);

}   // namespace cheri::data
