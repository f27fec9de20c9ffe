// What the kernels of the heads share: how a track's columns lie, and how its weights are packed.
//
// The heads are products on tensor cores, where a convolution along the example is a sum along diagonals:
//   forward   P(p, k) = features(p, :) W(:, k), logits(w) = sum_k P(w + k, k);
//   features  dfeatures(p, :) = sum_k e(p - k) W(:, k), with e the gradient of the logits, zero outside the window;
//   weights   dW(k, :) = sum_p e(p - k) features(p, :).
// Column 75 of a track carries the count head: constant over the window.
#pragma once

#include "nn/kernels/hopper/fragments.cuh"
#include "nn/kernels/hopper/heads.hpp"

namespace cheri::nn::hopper::heads {

inline constexpr int taps = 75, reach = taps / 2;
inline constexpr int count_column = taps;
inline constexpr int columns = 80;                  ///< of a track
inline constexpr int column_tiles = columns / 8;    ///< as right tiles of the forward
inline constexpr int column_steps = columns / 16;   ///< as inner steps or left tiles of the backward
inline constexpr int gradient_rows = taps + 1;      ///< of a track in a part: taps and the count head
inline constexpr int threads = 256, warps = threads / 32;

inline constexpr int max_row_tiles = 24;   ///< of 16 positions, of a forward block: three rounds of its warps
inline constexpr int max_outputs = 16 * max_row_tiles - (taps - 1);
inline constexpr int max_tracks = 16;

/// Packed for 32 channels of a track: the forward's right tiles (two inner steps of 16 channels by ten tiles of columns),
/// and the right tiles of the features' gradient (five inner steps of 16 columns by four tiles of channels).
inline constexpr int forward_words = 2 * column_tiles * 32, input_words = column_steps * channel_tiles * 32;
inline constexpr int packed_words = forward_words + input_words;

/// Blocks of the forward that share an example.
inline int blocks_of_example(const HeadShape& n) { return (n.window + max_outputs - 1) / max_outputs; }

}   // namespace cheri::nn::hopper::heads
