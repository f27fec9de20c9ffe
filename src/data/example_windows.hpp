// Which loci become examples, and the windows that are cut for them: shared by reading and packing.
#pragma once

#include "cheri/data/examples.hpp"

#include <algorithm>
#include <string>
#include <vector>

namespace cheri::data {

/// Candidates of one kind, in the order of their file; `length` of a chromosome is 0 where the file does not know it.
struct Candidates {
  std::vector<Locus> loci;
  std::vector<std::int64_t> centres;
  std::vector<std::int64_t> rows;   ///< of an examples file; empty for a tracks file
};

/// Throws InputError for a chromosome of the selection that the file does not have.
void require_chromosomes(const std::string& path, const std::vector<Chromosome>& chromosomes, const Selection& selection);

ExampleIndex empty_index(const std::vector<Chromosome>& chromosomes, const std::vector<Track>& tracks,
                         const Windows& windows, int max_jitter);

/// Appends to `examples` (loci, centres, counts, report) the candidates on the selected chromosomes whose widest window
/// fits, for peaks with the jitter; returns which ones.
std::vector<std::size_t> take_loci(ExampleIndex& examples, const Candidates& candidates, LocusKind kind,
                                   const std::vector<Chromosome>& chromosomes, const Selection& selection);

/// First position of the record of width `window` + 2 jitter around a centre.
inline std::int64_t record_begin(std::int64_t centre, int window, int jitter) { return centre - window / 2 - jitter; }

/// out = from[begin, begin + out.size()), `outside` beyond its ends.
template <class T>
void cut(const std::vector<T>& from, std::int64_t begin, std::vector<T>& out, T outside) {
  const auto length = static_cast<std::int64_t>(from.size()), width = static_cast<std::int64_t>(out.size());
  const std::int64_t first = std::clamp<std::int64_t>(-begin, 0, width),
                     last = std::clamp<std::int64_t>(length - begin, first, width);
  std::fill(out.begin(), out.end(), outside);
  std::copy(from.begin() + begin + first, from.begin() + begin + last, out.begin() + first);
}

/// Drops training peaks whose counts in any group exceed factor * quantile (spec.md, Data); counts over the whole record,
/// which the readers of `sharing` read together.
void drop_outliers(Examples& examples, const DataSpec& spec, const Sharing& sharing);

}   // namespace cheri::data
