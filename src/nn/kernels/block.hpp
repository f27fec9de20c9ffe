// What the parts of the block share: its sizes, and the threads that walk down a tile.
#pragma once

#include "cheri/nn/ops.hpp"
#include "nn/kernels/dilated_conv.hpp"
#include "nn/kernels/partial_sums.hpp"

namespace cheri::nn {

/// The sizes that every kernel of the block needs.
struct BlockSizes {
  int examples, length, channels, hidden, dilation;
  int tiles;   ///< of an example
  int packs;   ///< of a row
};

template <class T, class Exec>
BlockSizes sizes_of(const View<const T***, Exec>& x_NLC, const BlockWeights<T, Exec>& weights) {
  const int channels = static_cast<int>(x_NLC.extent(2));
  const int length = static_cast<int>(x_NLC.extent(1));
  using P = Pack<Exec, T>;
  return {static_cast<int>(x_NLC.extent(0)), length, channels, weights.hidden, weights.dilation, tiles_of(length),
          padded<P>(channels) / width<P>};
}

template <class T, class Exec>
KOKKOS_FORCEINLINE_FUNCTION Rows<T> example_rows(const View<T***, Exec>& x_NLC, int example) {
  return {&x_NLC(example, 0, 0), static_cast<int>(x_NLC.extent(1)), static_cast<int>(x_NLC.extent(2))};
}

/// Where the parts' sums of dW1 and dW2 lie.
struct LinearParts {
  PartMatrix linear1, linear2;
};

}   // namespace cheri::nn
