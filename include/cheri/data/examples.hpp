// Examples: the windows around loci, from a tracks file or from an examples file, in host memory.
#pragma once

#include "cheri/base/types.hpp"
#include "cheri/data/hdf5.hpp"
#include "cheri/data/loci.hpp"
#include "cheri/data/tracks.hpp"

#include <cstddef>
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

/// Signals as the file holds them: (n, T, width) in the narrowest exact type.
struct SignalBlock {
  ElementType type = ElementType::u8;
  std::vector<std::byte> bytes;

  [[nodiscard]] float at(std::size_t i) const;
};

/// Peaks first, then negatives, each in the file's order. Every record has the same widths: the windows plus
/// max_jitter on either side (flanks of negatives, which carry no jitter, may hang over a chromosome's end: code 4, 0).
struct ExampleSet {
  std::vector<Chromosome> chromosomes;   ///< for loci; a length is 0 where the file does not tell it
  std::vector<Locus> loci;               ///< n
  std::vector<std::int64_t> centres;     ///< n, the centre actually used
  std::int64_t n_peaks = 0;
  std::int64_t n_negatives = 0;
  std::vector<Track> tracks;   ///< signals in order, then controls
  Windows windows;
  int max_jitter = 0;        ///< flank held on either side
  std::vector<Code> codes;   ///< (n, in_window + 2 max_jitter)
  SignalBlock signal;        ///< (n, T, out_window + 2 max_jitter)
  SignalBlock control;       ///< (n, K, in_window + 2 max_jitter)
  LociReport peaks_report, negatives_report;

  [[nodiscard]] std::int64_t size() const { return n_peaks + n_negatives; }
  [[nodiscard]] int n_signals() const;
  [[nodiscard]] int n_controls() const;
  [[nodiscard]] std::vector<int> signal_groups() const;   ///< channels of each group, in order
};

/// Which loci of a spec.
struct Selection {
  std::vector<std::string> chromosomes;   ///< empty: all
  int max_jitter = 0;                     ///< flank to hold; decides for peaks which are kept
  bool drop_outliers = false;
};

/// Reads the selected examples. Throws InputError for a missing chromosome or set, windows that the file cannot serve,
/// codes above 4, negative or non-finite signals, a damaged file.
ExampleSet read_examples(const DataSpec& spec, const Selection& selection);

/// One example a line of a BED file, all as peaks, without jitter, from a tracks file; those without room for the windows
/// and those on other chromosomes are left out and counted in peaks_report. Throws InputError if none is left.
ExampleSet read_regions(const DataSpec& spec, const std::string& bed_path);

/// The tracks of a tracks or examples file, signals first.
std::vector<Track> read_tracks(const std::string& path);

/// `cheri pack`: all loci of a spec (outliers included) into an examples file.
void pack_examples(const DataSpec& spec, const std::string& out_path, const std::string& made_by);

}   // namespace cheri::data
