// Negatives: stretches of the genome without peaks whose GC content is distributed as that of the peaks.
#pragma once

#include "cheri/base/types.hpp"
#include "cheri/data/loci.hpp"
#include "data/intervals.hpp"

#include <cstdint>
#include <vector>

namespace cheri::data {

struct NegativesSpec {
  int window = 2114;       ///< width of a negative, and of the window around a peak's centre whose GC it matches
  double per_peak = 1.0;   ///< how many to draw for each peak
  std::uint64_t seed = 0;
};

struct Negatives {
  std::vector<Locus> loci;   ///< ascending, disjoint
  std::int64_t wanted = 0;   ///< round(per_peak * peaks); loci.size() is less where the chromosome has no more
};

/// Draws for one chromosome; `peaks` are those of this chromosome. GC is (G + C) / (A + C + G + T) in 50 bins. A negative
/// lies within the chromosome, has no letter but ACGT and overlaps neither `avoid` nor another negative. Where a bin has too
/// few, the rest comes from bins up to two away. Depends on the arguments only, not on other chromosomes or the machine.
Negatives draw_negatives(const NegativesSpec& spec, std::int32_t chromosome, const std::vector<Code>& codes,
                         const std::vector<Locus>& peaks, const IntervalSet& avoid);

}   // namespace cheri::data
