#include "cheri/data/loci.hpp"

namespace cheri::data {

std::int64_t Locus::centre(bool use_summit) const {
  return use_summit && summit >= 0 ? start + summit : start + (end - start) / 2;
}

}  // namespace cheri::data
