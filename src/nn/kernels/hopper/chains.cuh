// How the kernels that know the convolution walk an example. The taps of row l touch rows l - d, l, l + d: rows r, r + d,
// r + 2d, ... form a chain, and a group of lanes that walks along one loads every row once and keeps its neighbours in
// registers. Chains are cut into segments; short chains are walked several by one group.
#pragma once

#include "nn/kernels/hopper/launch.hpp"

#include <algorithm>

namespace cheri::nn::hopper {

struct Chains {
  int dilation;   ///< at most L: beyond that no row has a neighbour
  int chains;
  int items;   ///< segments of all chains: item i is segment i / chains of chain i % chains
  int items_per_group;

  [[nodiscard]] constexpr int groups() const { return ceil_div(items, items_per_group); }
};

/// Segments of at most `steps` rows; a group walks `segments` of them, more where they are short.
constexpr Chains chains_of(int length, int dilation, int steps, int segments = 1) {
  const int d = std::min(dilation, length);
  const int chain_rows = ceil_div(length, d);
  return {d, d, d * ceil_div(chain_rows, steps), std::max(segments, steps / chain_rows)};
}

/// A group has one lane for so many channels: with 8 (bf16) registers spill.
inline constexpr int lane_channels = 4;

/// Groups side by side in a block of `threads`; threads that fill no group are idle.
__host__ __device__ constexpr int groups_of_block(int threads, int channels) { return threads / (channels / lane_channels); }

/// No more groups than this walk an example, whatever the dilation: a chain of `steps` rows or less wastes less than half of
/// a group's rows, a longer one less than half of its last segment.
constexpr int most_groups(int length, int steps) { return ceil_div(4 * length, steps) + 1; }

}   // namespace cheri::nn::hopper
