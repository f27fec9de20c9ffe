// From FASTA, bigWig and BED to a tracks file.
#pragma once

#include "cheri/data/loci.hpp"
#include "cheri/data/tracks.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace cheri::data {

/// One bigWig and what it becomes.
struct SignalSource {
  std::string path;
  Track track;
};

struct ImportSpec {
  std::string sequences;                    ///< FASTA: plain, gzip or bgzip
  std::vector<SignalSource> signals;        ///< signals in group order, then controls
  std::vector<std::string> peaks;           ///< BED3 to narrowPeak, plain or gzip; several files are joined
  std::vector<std::string> negatives;       ///< the same; empty: GC-matched ones are drawn
  std::vector<std::string> exclusions;      ///< loci which overlap one of these are dropped
  std::vector<std::string> chromosomes;     ///< empty: all of the FASTA
  double negatives_per_peak = 1.0;          ///< for drawn negatives
  int negative_window = 2114;               ///< width over which GC is matched and peaks are avoided
  std::uint64_t seed = 0;
  std::string out_path;
};

/// A piece of work that ranks share: index i of n is done by the rank which owns it, results are handed to rank 0 in order.
/// (`data` knows an index range, not MPI: the caller passes these two.)
struct WorkRange {
  int rank = 0;
  int n_ranks = 1;
};

struct ImportReport {
  std::vector<std::string> notes;           ///< one line each: what was found, dropped, missing, and why
};

// The design of the parallel hand-over is the implementer's; see import.cpp.
ImportReport import_tracks(const ImportSpec& spec, const std::string& made_by,
                           const std::function<void(double fraction, const std::string& what)>& progress);

}  // namespace cheri::data
