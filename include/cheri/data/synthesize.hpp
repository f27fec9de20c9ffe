// A small world with a known answer: a random genome with planted motifs, profiles drawn around them, and peaks.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace cheri::data {

struct SyntheticSpec {
  int n_chromosomes = 6;
  std::int64_t chromosome_length = 400000;
  int n_sites = 1800;                 ///< planted motif sites over the genome, with graded affinity
  std::uint64_t seed = 0;
  std::string out_path;               ///< the tracks file
  std::string raw_folder;             ///< not empty: also genome.fa.gz, plus.bw, minus.bw, peaks.narrowPeak, negatives.bed
};

/// Writes the tracks file (one stranded pair, sets "peaks" and "negatives") through the writers of import.
void synthesize(const SyntheticSpec& spec, const std::string& made_by);

}  // namespace cheri::data
