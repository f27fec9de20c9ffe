// Records cut from a tracks file.
#pragma once

#include "cheri/data/examples.hpp"
#include "cheri/data/tracks.hpp"

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace cheri::data {

/// Where the parts of the i-th record go; a function that is not there is for parts that nobody wants.
struct RecordSink {
  std::function<void(std::size_t i, const std::vector<Code>& record)> codes;
  std::function<void(std::size_t i, std::size_t channel, const std::vector<float>&record)> signal, control;
};

/// Cuts the records of these loci of an index, chromosome by chromosome and track by track: one of them is in memory at a
/// time.
void cut_records(const TracksFile& file, const ExampleIndex& index, std::span<const std::int64_t> loci,
                 const RecordSink& sink);

/// The narrowest type for all signals, or all controls, of the genome.
ElementType type_of_tracks(const TracksFile& file, bool control);

/// The examples of an index of a tracks file.
Examples examples_of_tracks(TracksFile file, ExampleIndex index);

}   // namespace cheri::data
