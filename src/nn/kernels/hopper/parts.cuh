// Gradients in two steps: a thread block a part writes its sums to memory of its own, then the parts of a slice are added in
// order. No atomics, and nothing that depends on the GPU or on how many slices a call holds.
#pragma once

#include "nn/kernels/hopper/fragments.cuh"
#include "nn/kernels/hopper/slices.hpp"

namespace cheri::nn::hopper {

/// Tiles [begin, end) of a slice that belong to a part.
struct PartTiles {
  int begin, end;
};

__device__ __forceinline__ PartTiles part_tiles(int part, int tiles_of_slice) {
  const auto bound = [&](int p) {
    return static_cast<int>(static_cast<std::int64_t>(tiles_of_slice) * p / parts_per_slice);
  };
  return {bound(part), bound(part + 1)};
}

/// Element `index` of a slice: the sum over its parts, each `size` elements long, in order.
__device__ __forceinline__ float sum_of_parts(const float* partial, std::int64_t size, int slice, std::int64_t index) {
  const float* at = partial + static_cast<std::int64_t>(slice) * parts_per_slice * size + index;
  float values[parts_per_slice];
#pragma unroll
  for (int p = 0; p < parts_per_slice; ++p) values[p] = at[p * size];
  float total = 0;
#pragma unroll
  for (int p = 0; p < parts_per_slice; ++p) total += values[p];
  return total;
}

/// Channels of a thread block: up to four warps beside each other, and two such runs that share the tiles of a part.
inline constexpr int block_channels = 4 * warp_channels;
inline constexpr int runs_per_part = 2;
inline constexpr int max_part_threads = block_channels / warp_channels * runs_per_part * 32;

/// The warps of a block that sums a part, and which of them a thread belongs to.
struct PartWarp {
  int warp, run, block_channel;

  __device__ PartWarp() {
    const int groups = static_cast<int>(blockDim.x) / 32 / runs_per_part;
    warp = static_cast<int>(threadIdx.x) / 32;
    run = warp / groups;
    block_channel = warp % groups * warp_channels;
  }
};

/// Threads of a block that sums a part, and blocks that hold all channels.
struct PartBlocks {
  int threads;
  unsigned blocks;

  explicit PartBlocks(int channels)
      : threads((channels < block_channels ? channels : block_channels) / warp_channels * runs_per_part * 32),
        blocks(static_cast<unsigned>((channels + block_channels - 1) / block_channels)) {}
};

/// The sums of one warp: tiles of 16 rows by four tiles of channels, whose column n of tile j is channel 4n + j.
template <int RowTiles>
struct WarpSums {
  float tiles[RowTiles][channel_tiles][4];

  /// Calls visit(row, channel, its four neighbouring channels) for what this lane holds of the first n_rows rows.
  template <class Visit>
  __device__ __forceinline__ void for_each(int n_rows, const Lane& lane, const Visit& visit) const {
#pragma unroll
    for (int i = 0; i < RowTiles * 4; ++i) {
      const int tile = i / 4, e = i % 4;
      const int row = 16 * tile + e / 2 * 8 + lane.g;
      if (row >= n_rows) continue;
      visit(row, 4 * (2 * lane.q + e % 2),
            make_float4(tiles[tile][0][e], tiles[tile][1][e], tiles[tile][2][e], tiles[tile][3][e]));
    }
  }
};

/// part(row, channel) = the first run's sum plus the second's; `shared` holds n_rows of block_channels. All threads call it,
/// those without channels with n_rows = 0.
template <int RowTiles>
__device__ __forceinline__ void write_part(float* part, int row_stride, int n_rows, float* shared,
                                           const WarpSums<RowTiles>& sums, const PartWarp& at, const Lane& lane) {
  __syncthreads();
  if (at.run == 1) {
    sums.for_each(n_rows, lane, [&](int row, int channel, const float4& v) {
      *reinterpret_cast<float4*>(shared + row * block_channels + at.block_channel + channel) = v;
    });
  }
  __syncthreads();
  if (at.run == 0) {
    sums.for_each(n_rows, lane, [&](int row, int channel, const float4& v) {
      const int column = at.block_channel + channel;
      const float4 w = *reinterpret_cast<const float4*>(shared + row * block_channels + column);
      *reinterpret_cast<float4*>(part + static_cast<std::int64_t>(row) * row_stride + column) =
          make_float4(v.x + w.x, v.y + w.y, v.z + w.z, v.w + w.w);
    });
  }
}

}   // namespace cheri::nn::hopper
