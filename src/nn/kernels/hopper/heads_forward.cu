// The forward of the heads (heads_layout.cuh): a block makes the products of a run of positions, and sums their diagonals.
#include "nn/kernels/hopper/heads_layout.cuh"
#include "nn/kernels/hopper/parts.cuh"

namespace cheri::nn::hopper {
namespace {

using namespace heads;

constexpr int tiles_at_once = 5;         ///< products side by side, so that none waits for another to the same sum
constexpr int n_diagonals = taps + 15;   ///< of a row tile: outputs that it contributes to
constexpr int product_stride = 84;       ///< of a product in shared memory; fewer bank conflicts than 80

/// Rows g and g + 8 of 32 channels of a row tile, as a lane holds them.
template <class T>
struct RowChunk {
  static constexpr int vectors = warp_channels * static_cast<int>(sizeof(T)) / 64;
  uint4 raw[2][vectors];

  /// Channels [first_channel, first_channel + 32) at positions l and l + 8 of an example; zero outside it.
  __device__ __forceinline__ void load(const T* features, const HeadShape& n, int l, int first_channel, int q) {
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      const int at = l + 8 * r;
      const auto* const from = reinterpret_cast<const uint4*>(features + at * n.channels + first_channel);
      for (int v = 0; v < vectors; ++v) {
        raw[r][v] = at >= 0 && at < n.length ? __ldg(from + 4 * v + q) : make_uint4(0, 0, 0, 0);
      }
    }
  }

  /// The words of inner step 0 or 1: elements (2 i, 2 i + 1) of row r.
  [[nodiscard]] __device__ __forceinline__ SplitWord word(int step, int r, int i) const {
    if constexpr (sizeof(T) == 4) {
      const uint4& v = raw[r][step];
      return i == 0 ? split_bf16(__uint_as_float(v.x), __uint_as_float(v.y))
                    : split_bf16(__uint_as_float(v.z), __uint_as_float(v.w));
    } else {
      const uint4& v = raw[r][0];
      return {step == 0 ? (i == 0 ? v.x : v.y) : (i == 0 ? v.z : v.w), 0};
    }
  }
};

/// products = the features at positions l and l + 8 times the columns of a track. `ahead` holds their first channels, and at
/// the end those of position next_l.
template <class T>
__device__ __forceinline__ void row_products(float (&products)[column_tiles][4], RowChunk<T>& ahead, const T* features,
                                             const HeadShape& n, int l, int next_l, const uint4* weights, const Lane& lane) {
#pragma unroll
  for (int j = 0; j < column_tiles; ++j) {
    for (int e = 0; e < 4; ++e) products[j][e] = 0;
  }
#pragma unroll 1
  for (int c = 0; c < n.channels; c += warp_channels) {
    const RowChunk<T> chunk = ahead;
    const bool is_last = c + warp_channels == n.channels;
    ahead.load(features, n, is_last ? next_l : l, is_last ? 0 : c + warp_channels, lane.q);
#pragma unroll
    for (int step = 0; step < 2; ++step) {
      const SplitWord a0 = chunk.word(step, 0, 0), a1 = chunk.word(step, 1, 0), a2 = chunk.word(step, 0, 1),
                      a3 = chunk.word(step, 1, 1);
#pragma unroll
      for (int first = 0; first < column_tiles; first += tiles_at_once) {
        uint4 b[tiles_at_once];
#pragma unroll
        for (int j = 0; j < tiles_at_once; ++j) {
          b[j] = __ldg(weights + (step * column_tiles + first + j) * 32 + lane.index);
        }
#pragma unroll
        for (int j = 0; j < tiles_at_once; ++j) {
          multiply_add_bf16(products[first + j], a0.high, a1.high, a2.high, a3.high, b[j].z, b[j].w);
        }
        if constexpr (sizeof(T) == sizeof(float)) {
#pragma unroll
          for (int j = 0; j < tiles_at_once; ++j) {
            multiply_add_bf16(products[first + j], a0.low, a1.low, a2.low, a3.low, b[j].x, b[j].y);
          }
        }
#pragma unroll
        for (int j = 0; j < tiles_at_once; ++j) {
          multiply_add_bf16(products[first + j], a0.high, a1.high, a2.high, a3.high, b[j].x, b[j].y);
        }
      }
    }
    weights += packed_words;
  }
}

/// Shared memory of a forward block.
struct ForwardShared {
  float products[warps][16][product_stride];
  float diagonals[max_row_tiles][n_diagonals];
  float counts[max_row_tiles];
};

/// Sums of a row tile's products: along the diagonals row - tap, and of the count column over rows [begin, end).
__device__ __forceinline__ void sum_row_tile(ForwardShared& shared, int warp, int row_tile, int begin, int end,
                                             const float (&products)[column_tiles][4], const Lane& lane) {
  float(*const rows)[product_stride] = shared.products[warp];
  __syncwarp();
#pragma unroll
  for (int j = 0; j < column_tiles; ++j) {
    *reinterpret_cast<float2*>(&rows[lane.g][8 * j + 2 * lane.q]) = make_float2(products[j][0], products[j][1]);
    *reinterpret_cast<float2*>(&rows[lane.g + 8][8 * j + 2 * lane.q]) = make_float2(products[j][2], products[j][3]);
  }
  __syncwarp();
  for (int d = lane.index; d < n_diagonals; d += 32) {
    float total = 0;
#pragma unroll
    for (int r = 0; r < 16; ++r) {
      const int tap = r - d + taps - 1;
      if (tap >= 0 && tap < taps) total += rows[r][tap];
    }
    shared.diagonals[row_tile][d] = total;
  }
  float count = lane.index >= begin && lane.index < end ? rows[lane.index % 16][count_column] : 0.0f;
#pragma unroll
  for (int distance = 8; distance > 0; distance /= 2) count += __shfl_xor_sync(0xffffffffu, count, distance);
  if (lane.index == 0) shared.counts[row_tile] = count;
}

/// Row tiles [0, n) that hold taps of output w of the block, w relative to its first: 16 tile in (w - 16, w + 74].
__device__ __forceinline__ float sum_diagonals(const ForwardShared& shared, int w) {
  float total = 0;
  for (int tile = w / 16; tile <= (w + taps - 1) / 16; ++tile) total += shared.diagonals[tile][w - 16 * tile + taps - 1];
  return total;
}

/// Brings the forward's weights of all tracks to the first-level cache, all lines at once: the warps of a block go through
/// them abreast, and each line would else be waited for in its turn.
__device__ __forceinline__ void touch_weights(const uint4* packed, int n_groups) {
  constexpr int line = 128 / sizeof(uint4), lines = forward_words / line;
  for (int i = static_cast<int>(threadIdx.x); i < n_groups * lines; i += threads) {
    const uint4* const at = packed + static_cast<std::int64_t>(i / lines) * packed_words + i % lines * line;
    asm volatile("{.reg .u32 dropped; ld.global.nc.u32 dropped, [%0];}" ::"l"(at));
  }
}

/// A block makes up to max_outputs logits of one example, all tracks, and its share of the sums of the count head.
template <class T>
__global__ void __launch_bounds__(threads, 2)
    heads_forward_kernel(float* __restrict__ logits_NTW, float* __restrict__ count_sums, const T* __restrict__ features_NLC,
                         const uint4* __restrict__ packed, const float* __restrict__ profile_bias, HeadShape n,
                         int outputs_of_block) {
  extern __shared__ uint4 shared_memory[];
  ForwardShared& shared = *reinterpret_cast<ForwardShared*>(shared_memory);
  const Lane lane = this_lane();
  const int warp = static_cast<int>(threadIdx.x) / 32, example = static_cast<int>(blockIdx.y);
  const int first_output = static_cast<int>(blockIdx.x) * outputs_of_block;
  const int outputs = min(outputs_of_block, n.window - first_output);
  const int first = n.trimming() + first_output - reach;   // position of row 0
  const int row_tiles = (outputs + taps - 1 + 15) / 16;
  const T* const features = features_NLC + static_cast<std::int64_t>(example) * n.length * n.channels;
  RowChunk<T> ahead;
  ahead.load(features, n, first + 16 * warp + lane.g, 0, lane.q);
  touch_weights(packed, n.tracks * (n.channels / warp_channels));

  for (int track = 0; track < n.tracks; ++track) {
    const uint4* const weights = packed + static_cast<std::int64_t>(track) * (n.channels / warp_channels) * packed_words;
    for (int tile = warp; tile < row_tiles; tile += warps) {
      const int next = tile + warps < row_tiles ? tile + warps : warp;   // behind the last, the first of the next track
      float products[column_tiles][4];
      row_products(products, ahead, features, n, first + 16 * tile + lane.g, first + 16 * next + lane.g, weights, lane);
      sum_row_tile(shared, warp, tile, max(0, reach - 16 * tile), min(16, reach + outputs - 16 * tile), products, lane);
    }
    __syncthreads();
    float* const logits = logits_NTW + (static_cast<std::int64_t>(example) * n.tracks + track) * n.window + first_output;
    for (int w = static_cast<int>(threadIdx.x); w < outputs; w += threads) {
      logits[w] = profile_bias[track] + sum_diagonals(shared, w);
    }
    if (threadIdx.x == 0 && track < n.groups) {
      float total = 0;
      for (int tile = 0; tile < row_tiles; ++tile) total += shared.counts[tile];
      count_sums[(example * n.groups + track) * static_cast<int>(gridDim.x) + static_cast<int>(blockIdx.x)] = total;
    }
    __syncthreads();
  }
}

/// log_counts(n,g) = bias(g) + the sum over the blocks of an example / window.
__global__ void count_head_kernel(float* __restrict__ log_counts_NG, const float* __restrict__ count_sums,
                                  const float* __restrict__ count_bias, HeadShape n, int blocks_of_example) {
  const int index = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (index >= n.examples * n.groups) return;
  float total = 0;
  for (int i = 0; i < blocks_of_example; ++i) total += count_sums[index * blocks_of_example + i];
  log_counts_NG[index] = count_bias[index % n.groups] + total / static_cast<float>(n.window);
}

}   // namespace

// ---- launcher -------------------------------------------------------------------------------------------------------

template <class T>
void heads_forward(cudaStream_t stream, float* logits_NTW, float* log_counts_NG, const T* features_NLC, const void* packed,
                   const float* profile_bias, const float* count_bias, const HeadShape& n, void* scratch) {
  const int blocks = blocks_of_example(n);
  float* const count_sums = static_cast<float*>(scratch);
  constexpr auto shared = static_cast<int>(sizeof(ForwardShared));
  allow_shared_memory(heads_forward_kernel<T>, shared, "cheri::nn::hopper::heads_forward");
  launch_in_order("cheri::nn::hopper::heads_forward", stream, heads_forward_kernel<T>,
                  dim3(static_cast<unsigned>(blocks), static_cast<unsigned>(n.examples)), threads, shared, logits_NTW,
                  count_sums, features_NLC, static_cast<const uint4*>(packed), profile_bias, n,
                  (n.window + blocks - 1) / blocks);
  launch_in_order("cheri::nn::hopper::heads_forward::count_head", stream, count_head_kernel,
                  dim3(static_cast<unsigned>((n.examples * n.groups + threads - 1) / threads)), threads, 0, log_counts_NG,
                  count_sums, count_bias, n, blocks);
}

#define CHERI_HOPPER_HEADS(T)                                                                                     \
  template void heads_forward<T>(cudaStream_t, float*, float*, const T*, const void*, const float*, const float*, \
                                 const HeadShape&, void*);
CHERI_HOPPER_HEADS(float)
CHERI_HOPPER_HEADS(__nv_bfloat16)

}   // namespace cheri::nn::hopper
