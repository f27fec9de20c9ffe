// Which stretches of a genome are taken.
#pragma once

#include "cheri/data/loci.hpp"

#include <cstdint>
#include <map>
#include <vector>

namespace cheri::data {

/// The union of loci, for asking whether something overlaps it.
class IntervalSet {
 public:
  void add(const Locus& locus);

  /// Whether any position of [start, end) is covered.
  [[nodiscard]] bool overlaps(std::int32_t chromosome, std::int64_t start, std::int64_t end) const;

 private:
  /// Of each chromosome: the start and end of disjoint intervals.
  std::map<std::int32_t, std::map<std::int64_t, std::int64_t>> m_intervals;
};

}   // namespace cheri::data
