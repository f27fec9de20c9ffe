// A small world with a known answer: a random genome with planted motifs, profiles drawn around them, and peaks.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace cheri::data {

struct SyntheticSpec {
  int n_chromosomes = 6;   ///< "chr1", "chr2", ...
  std::int64_t chromosome_length = 400000;
  int n_sites = 1800;   ///< planted motif sites over the genome, with graded affinity
  std::uint64_t seed = 0;
  std::string out_path;     ///< the tracks file
  std::string raw_folder;   ///< not empty: also genome.fa.gz, plus.bw, minus.bw, peaks.narrowPeak, negatives.bed
};

/// Writes a tracks file (tracks "plus" and "minus" of one group, sets "peaks" and "negatives") as import does; importing the
/// files of raw_folder makes the same content. The signal is that of a ChIP-exo experiment: tags pile up on both sides of
/// every site that a factor binds, over an even background. Where a factor binds, and how strongly, depends on the sequence
/// alone; so a model can learn it. The same for a seed on every machine. Throws InputError if the sites do not fit.
void synthesize(const SyntheticSpec& spec, const std::string& made_by);

}   // namespace cheri::data
