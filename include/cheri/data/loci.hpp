// Loci and the windows around them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace cheri::data {

enum class LocusKind : std::uint8_t { peak, negative };

/// One line of a BED file, 0-based and half open; summit is the offset of narrowPeak's column 10, or -1.
struct Locus {
  std::int32_t chromosome = 0;   ///< index into the list of chromosomes that goes with it
  std::int64_t start = 0;
  std::int64_t end = 0;
  std::int64_t summit = -1;

  bool operator==(const Locus&) const = default;

  /// start + (end - start) / 2, or start + summit if summits are used and there is one.
  [[nodiscard]] std::int64_t centre(bool use_summit) const;
};

/// Window widths in base pairs. The window of width w around `centre` is [centre - w/2, centre + w - w/2).
struct Windows {
  int in_window = 2114;
  int out_window = 1000;
  int max_jitter = 500;

  bool operator==(const Windows&) const = default;

  /// Whether the widest window around `centre`, with `jitter` on either side, lies inside a chromosome.
  [[nodiscard]] bool fit(std::int64_t centre, int jitter, std::int64_t chromosome_length) const;
};

/// Loci taken, and those left out by reason.
struct LociReport {
  std::int64_t kept = 0;
  std::int64_t other_chromosome = 0;    ///< on a chromosome that is not wanted
  std::int64_t beyond_chromosome = 0;   ///< window and jitter reach over an end
  std::int64_t excluded = 0;            ///< overlap a region of an exclusion list, or a peak if they are negatives
  std::int64_t outlier = 0;             ///< counts far above the others'

  bool operator==(const LociReport&) const = default;
};

}   // namespace cheri::data
