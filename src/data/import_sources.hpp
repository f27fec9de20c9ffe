// What an import reads: files opened, checked against each other and, but for sequences and signals, read.
#pragma once

#include "cheri/data/import.hpp"
#include "data/bigwig.hpp"
#include "data/fasta.hpp"
#include "data/intervals.hpp"

#include <cstddef>
#include <optional>
#include <sstream>
#include <vector>

namespace cheri::data {

/// A bigWig and where each chromosome of the import is in it.
struct SignalFile {
  BigWigFile file;
  std::vector<std::optional<int>> place;
};

/// The loci of one set, and how many were left out.
struct LociSet {
  std::vector<Locus> loci;
  LociReport left_out;
};

struct ImportSources {
  std::vector<FastaEntry> genome;   ///< the chromosomes that are imported
  std::vector<SignalFile> signals;
  LociSet peaks, negatives;   ///< negatives where they are given

  // What drawn negatives are matched to, and keep away from.
  std::vector<std::vector<Locus>> peaks_on;   ///< each chromosome
  IntervalSet avoid;
};

/// Throws InputError for a spec without what an import needs.
void check_spec(const ImportSpec& spec);

/// Those of `all` that are wanted, in its order.
std::vector<FastaEntry> select_chromosomes(const ImportSpec& spec, const std::vector<FastaEntry>& all, ImportReport& report);

/// `all` is the index of the FASTA file. Throws InputError, and notes in the report, as import_tracks says.
ImportSources open_sources(const ImportSpec& spec, const std::vector<FastaEntry>& all, ImportReport& report);

std::vector<Chromosome> chromosomes_of(const std::vector<FastaEntry>& genome);

/// Adds a line to a report: note(report, "a", 1).
template <class... Parts>
void note(ImportReport& report, const Parts&... parts) {
  std::ostringstream line;
  (line << ... << parts);
  report.notes.push_back(line.str());
}

}   // namespace cheri::data
