#include "data/negatives.hpp"

#include "cheri/base/check.hpp"
#include "cheri/base/random.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace cheri::data {

namespace {

constexpr int n_bins = 50;
constexpr int furthest_bin = 2;   ///< 0.04 in GC
constexpr int starts_per_window = 8;

/// How often each code occurs in a stretch.
struct Composition {
  std::array<std::int64_t, 5> counts{};

  void add(Code code, std::int64_t n) { counts[code] += n; }
  [[nodiscard]] std::int64_t bases() const { return counts[0] + counts[1] + counts[2] + counts[3]; }
  [[nodiscard]] int gc_bin() const {
    const std::int64_t gc = counts[1] + counts[2];
    return static_cast<int>(std::min<std::int64_t>(gc * n_bins / std::max<std::int64_t>(bases(), 1), n_bins - 1));
  }
};

struct Candidate {
  std::int64_t start;
  int gc_bin;
};

/// Windows at every window/8 positions that are free of peaks and of unknown bases.
std::vector<Candidate> free_windows(std::int64_t window, std::int32_t chromosome, const std::vector<Code>& codes,
                                    const IntervalSet& avoid) {
  const auto length = static_cast<std::int64_t>(codes.size());
  const std::int64_t stride = std::max<std::int64_t>(window / starts_per_window, 1);
  std::vector<Candidate> found;
  Composition composition;
  std::int64_t counted = 0;
  for (std::int64_t start = 0; start + window <= length; start += stride) {
    for (; counted < start + window; ++counted) composition.add(codes[static_cast<std::size_t>(counted)], 1);
    if (composition.bases() == window && !avoid.overlaps(chromosome, start, start + window)) {
      found.push_back({start, composition.gc_bin()});
    }
    for (std::int64_t p = start; p < start + stride; ++p) composition.add(codes[static_cast<std::size_t>(p)], -1);
  }
  return found;
}

/// How many negatives each GC bin should have: per_peak times its peaks, rounded so that the sum is round(per_peak * peaks).
std::array<std::int64_t, n_bins> wanted_per_bin(const NegativesSpec& spec, const std::vector<Code>& codes,
                                                const std::vector<Locus>& peaks) {
  const auto length = static_cast<std::int64_t>(codes.size());
  std::array<std::int64_t, n_bins> peaks_in_bin{}, wanted{};
  for (const Locus& peak : peaks) {
    const std::int64_t start = peak.centre(false) - spec.window / 2;
    Composition composition;
    for (std::int64_t p = std::max<std::int64_t>(start, 0); p < std::min(start + spec.window, length); ++p) {
      composition.add(codes[static_cast<std::size_t>(p)], 1);
    }
    ++peaks_in_bin[static_cast<std::size_t>(composition.gc_bin())];
  }
  std::int64_t peaks_so_far = 0, wanted_so_far = 0;
  for (std::size_t bin = 0; bin < wanted.size(); ++bin) {
    peaks_so_far += peaks_in_bin[bin];
    wanted[bin] = std::llround(spec.per_peak * static_cast<double>(peaks_so_far)) - wanted_so_far;
    wanted_so_far += wanted[bin];
  }
  return wanted;
}

/// A generator for one chromosome.
NumpyRandom chromosome_random(std::uint64_t seed, std::int32_t chromosome) {
  return NumpyRandom(philox4x32({static_cast<std::uint32_t>(chromosome), 0, 0, 0},
                                {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)})[0]);
}

}   // namespace

Negatives draw_negatives(const NegativesSpec& spec, std::int32_t chromosome, const std::vector<Code>& codes,
                         const std::vector<Locus>& peaks, const IntervalSet& avoid) {
  CHERI_REQUIRE_INPUT(spec.window > 0, "the window of negatives must be positive, and is " << spec.window);
  CHERI_REQUIRE_INPUT(spec.per_peak >= 0 && std::isfinite(spec.per_peak),
                      "the number of negatives for a peak must be 0 or more, and is " << spec.per_peak);
  auto wanted = wanted_per_bin(spec, codes, peaks);
  Negatives drawn;
  for (const std::int64_t n : wanted) drawn.wanted += n;
  if (drawn.wanted == 0) return drawn;

  const auto candidates =
      chromosome_random(spec.seed, chromosome).permutation(free_windows(spec.window, chromosome, codes, avoid));
  IntervalSet taken;
  for (int distance = 0; distance <= furthest_bin; ++distance) {
    for (const Candidate& candidate : candidates) {
      const Locus locus{chromosome, candidate.start, candidate.start + spec.window, -1};
      if (taken.overlaps(chromosome, locus.start, locus.end)) continue;
      for (const int bin : {candidate.gc_bin - distance, candidate.gc_bin + distance}) {
        if (bin < 0 || bin >= n_bins || wanted[static_cast<std::size_t>(bin)] == 0) continue;
        --wanted[static_cast<std::size_t>(bin)];
        taken.add(locus);
        drawn.loci.push_back(locus);
        break;
      }
    }
  }
  std::sort(drawn.loci.begin(), drawn.loci.end(), [](const Locus& a, const Locus& b) { return a.start < b.start; });
  return drawn;
}

}   // namespace cheri::data
