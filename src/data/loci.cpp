#include "cheri/data/loci.hpp"

#include <algorithm>

namespace cheri::data {

std::int64_t Locus::centre(bool use_summit) const {
  return use_summit && summit >= 0 ? start + summit : start + (end - start) / 2;
}

bool Windows::fit(std::int64_t centre, int jitter, std::int64_t chromosome_length) const {
  const std::int64_t width = std::max(in_window, out_window);
  const std::int64_t begin = centre - width / 2;
  return begin - jitter >= 0 && begin + width + jitter <= chromosome_length;
}

}   // namespace cheri::data
