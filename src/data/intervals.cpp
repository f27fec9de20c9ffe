#include "data/intervals.hpp"

#include <algorithm>
#include <iterator>

namespace cheri::data {

void IntervalSet::add(const Locus& locus) {
  auto& intervals = m_intervals[locus.chromosome];
  std::int64_t start = locus.start, end = locus.end;
  auto next = intervals.upper_bound(start);
  if (next != intervals.begin() && std::prev(next)->second >= start) --next;
  while (next != intervals.end() && next->first <= end) {
    start = std::min(start, next->first);
    end = std::max(end, next->second);
    next = intervals.erase(next);
  }
  intervals.emplace_hint(next, start, end);
}

bool IntervalSet::overlaps(std::int32_t chromosome, std::int64_t start, std::int64_t end) const {
  const auto found = m_intervals.find(chromosome);
  if (found == m_intervals.end()) return false;
  const auto next = found->second.lower_bound(end);   // the first that begins at end or later
  return next != found->second.begin() && std::prev(next)->second > start;
}

}   // namespace cheri::data
