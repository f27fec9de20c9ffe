// From FASTA, bigWig and BED to a tracks file.
#pragma once

#include "cheri/data/loci.hpp"
#include "cheri/data/tracks.hpp"

#include <cstddef>
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
  std::string sequences;                  ///< FASTA: plain, gzip or bgzip
  std::vector<SignalSource> signals;      ///< signals in group order, then controls
  std::vector<std::string> peaks;         ///< BED3 to narrowPeak, plain or gzip; several files are joined
  std::vector<std::string> negatives;     ///< the same; empty: GC-matched ones are drawn
  std::vector<std::string> exclusions;    ///< loci which overlap one of these are dropped
  std::vector<std::string> chromosomes;   ///< empty: all of the FASTA; kept in the FASTA's order
  double negatives_per_peak = 1.0;        ///< for drawn negatives, chromosome by chromosome
  int negative_window = 2114;             ///< width of a drawn negative: GC is matched and peaks are avoided over it
  std::uint64_t seed = 0;                 ///< of the drawn negatives
  int threads = 0;                        ///< of this rank; 0: one for each core of the machine
  std::string out_path;
};

struct ImportReport {
  std::vector<std::string> notes;   ///< one line each: what was found, dropped, missing, and why
};

/// What is being read, and how much of the work is done, from 0 to 1.
using ImportProgress = std::function<void(double fraction, const std::string& what)>;

/// The ranks that share an import. This room knows no MPI: whoever calls says how bytes travel; a rank alone sends nothing.
struct ImportRanks {
  int rank = 0;
  int size = 1;
  /// Returns when `bytes` are not needed any more, which may be when that rank takes them. Threads of the caller work on.
  std::function<void(int to, const std::vector<std::byte>& bytes)> send = {};
  /// What a rank has sent, in its order; waits as long as it takes.
  std::function<std::vector<std::byte>(int from)> receive = {};
};

/// Writes spec.out_path, whole or not at all, with the loci sets "peaks" and "negatives". The file is the same for any
/// number of ranks and threads. `progress` may be empty.
///
/// All ranks call it with the same spec (but for `threads`, their own), and see the same files. Each makes its share of the
/// sequences and signals and sends them, packed, to rank 0, which reads FASTA once to find the chromosomes, and writes.
/// The report and the progress are rank 0's. Memory of a rank is bounded by one chromosome: a signal, two sequences, and
/// two of them packed.
///
/// NaN and positions without a value become 0. A chromosome of the FASTA that a bigWig lacks becomes 0 and is noted, as are
/// chromosomes that only a bigWig or a BED file has. Throws InputError, naming file and place, for files that are missing,
/// damaged or of another assembly (a chromosome of another length, or none in common), negative or infinite values, and loci
/// that end beyond their chromosome. What is wrong in the spec itself, such as a chromosome that the FASTA lacks, all ranks
/// throw alike. Anything else rank 0 throws, the error that comes first in the order of the file, whoever has found it; the
/// others may return before it does.
ImportReport import_tracks(const ImportSpec& spec, const std::string& made_by, const ImportProgress& progress,
                           const ImportRanks& ranks = {});

}   // namespace cheri::data
