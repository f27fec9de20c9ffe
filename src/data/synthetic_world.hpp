// The world that `synthesize` writes: a genome with planted motifs, the sites that factors bind, and the tags around them.
#pragma once

#include "cheri/base/types.hpp"
#include "cheri/data/loci.hpp"
#include "cheri/data/synthesize.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace cheri::data {

struct SyntheticChromosome {
  std::string name;
  std::vector<Code> codes;
  std::vector<float> plus, minus;   ///< tags whose 5' end is at a position, of either strand
  std::vector<Locus> peaks;         ///< ascending; their summit is their middle, and no site is exactly there
};

/// Makes the chromosomes of a spec. All sizes are checked; the same seed gives the same world on every machine.
std::vector<SyntheticChromosome> make_world(const SyntheticSpec& spec);

}   // namespace cheri::data
