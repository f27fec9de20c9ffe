// The backward of the heads (heads_layout.cuh). Where e, the gradient of the logits, stands as a matrix of (p, k) a lane
// needs words of e at its own distance and multiples of 8: few, looked up in shared memory.
#include "nn/kernels/hopper/heads_layout.cuh"
#include "nn/kernels/hopper/parts.cuh"

#include <algorithm>

namespace cheri::nn::hopper {
namespace {

using namespace heads;

constexpr int input_positions = 64;    ///< of a warp of the features' gradient
constexpr int weight_positions = 32;   ///< of a tile of the weights' gradient
constexpr int weight_words = weight_positions + columns - 2;

/// Positions [begin, end) whose features reach the logits.
struct Reached {
  int begin, end;
};
__host__ __device__ constexpr Reached reached(const HeadShape& n) {
  const int begin = n.trimming() - reach, end = n.trimming() + n.window + reach;
  return {begin > 0 ? begin : 0, end < n.length ? end : n.length};
}

/// The gradient of the logits of one track of one example as e(i), the logit of tap 0 at position i; zero outside.
struct ShiftedGradient {
  const float* dlogits;
  int shift, window;

  __device__ ShiftedGradient(const float* dlogits_NTW, const HeadShape& n, int example, int track)
      : dlogits(dlogits_NTW + (static_cast<std::int64_t>(example) * n.tracks + track) * n.window),
        shift(reach - n.trimming()),
        window(n.window) {}

  __device__ __forceinline__ float operator()(int i) const {
    const int w = i + shift;
    return w >= 0 && w < window ? dlogits[w] : 0.0f;
  }
};

/// The count head's gradient at every position of the window.
__device__ __forceinline__ float count_gradient(const float* dlog_counts_NG, const HeadShape& n, int example, int track) {
  return track < n.groups ? dlog_counts_NG[example * n.groups + track] / static_cast<float>(n.window) : 0.0f;
}

__device__ __forceinline__ bool in_window(const HeadShape& n, int l) {
  return l >= n.trimming() && l < n.trimming() + n.window;
}

/// The count head's column of a track: its gradient as the second value of a word, at the positions of the window.
struct CountColumn {
  SplitWord value;
  int window_begin, window;   ///< in positions of the warp

  /// The word of e with its second value, column 75, replaced.
  [[nodiscard]] __device__ __forceinline__ uint2 in(uint2 word, int row) const {
    const bool inside = row >= window_begin && row < window_begin + window;
    return {(word.x & 0xffffu) | (inside ? value.high : 0), (word.y & 0xffffu) | (inside ? value.low : 0)};
  }
};

/// sums(row tile, tile) += e(p - k) W(k, c) over one track, for 64 positions and 32 channels. `words` are the lane's pairs
/// (e(i), e(i-1)), i = the first position + g - 2q.
__device__ __forceinline__ void add_input_track(float (&sums)[input_positions / 16][channel_tiles][4], const uint2* words,
                                                const uint4* weights, const CountColumn& count, const Lane& lane) {
  constexpr int row_tiles = input_positions / 16;
#pragma unroll 1
  for (int s = 0; s < column_steps; ++s) {
    uint4 w[channel_tiles];
#pragma unroll
    for (int j = 0; j < channel_tiles; ++j) w[j] = __ldg(weights + (s * channel_tiles + j) * 32 + lane.index);
#pragma unroll
    for (int i = 0; i < row_tiles; ++i) {
      const uint2* const at = words + 16 * i - 16 * s;
      const uint2 a0 = at[0], a1 = at[8];
      uint2 a2 = at[-8], a3 = a0;
      if (s == column_steps - 1 && lane.q == 1) {   // column 75 = 64 + 8 + 2 + 1
        a2 = count.in(a2, 16 * i + lane.g);
        a3 = count.in(a3, 16 * i + 8 + lane.g);
      }
#pragma unroll
      for (int j = 0; j < channel_tiles; ++j) multiply_add_bf16(sums[i][j], a0.y, a1.y, a2.y, a3.y, w[j].x, w[j].y);
#pragma unroll
      for (int j = 0; j < channel_tiles; ++j) multiply_add_bf16(sums[i][j], a0.x, a1.x, a2.x, a3.x, w[j].z, w[j].w);
#pragma unroll
      for (int j = 0; j < channel_tiles; ++j) multiply_add_bf16(sums[i][j], a0.x, a1.x, a2.x, a3.x, w[j].x, w[j].y);
    }
  }
}

/// Gradient of the features: a warp makes 64 positions x 32 channels; positions that no logit reads are zero.
template <class T>
__global__ void __launch_bounds__(threads, 2)
    heads_input_kernel(T* __restrict__ dfeatures_NLC, const float* __restrict__ dlogits_NTW,
                       const float* __restrict__ dlog_counts_NG, const uint4* __restrict__ packed, HeadShape n, int groups) {
  extern __shared__ uint2 shared_words[];   // of all tracks: pairs (e(i), e(i-1)), i = first - 78 + index
  const Lane lane = this_lane();
  const int warp = static_cast<int>(threadIdx.x) / 32, runs = static_cast<int>(blockDim.x) / 32 / groups;
  const int group = static_cast<int>(blockIdx.z) * groups + warp % groups;
  const int block_positions = runs * input_positions, run_begin = warp / groups * input_positions;
  const int first = static_cast<int>(blockIdx.x) * block_positions, example = static_cast<int>(blockIdx.y);
  const Reached inside = reached(n);
  const auto is_reached = [&](int begin, int size) { return begin < inside.end && begin + size > inside.begin; };
  const int n_words = block_positions + columns - 2;

  if (is_reached(first, block_positions)) {
    for (int i = static_cast<int>(threadIdx.x); i < n.tracks * n_words; i += static_cast<int>(blockDim.x)) {
      const ShiftedGradient e(dlogits_NTW, n, example, i / n_words);
      const int at = first - (columns - 2) + i % n_words;
      const SplitWord word = split_bf16(e(at), e(at - 1));
      shared_words[i] = make_uint2(word.high, word.low);
    }
    __syncthreads();
  }
  const int begin = first + run_begin;
  if (group * warp_channels >= n.channels || begin >= n.length) return;

  float sums[input_positions / 16][channel_tiles][4] = {};
  if (is_reached(begin, input_positions)) {
    for (int track = 0; track < n.tracks; ++track) {
      const float gradient = count_gradient(dlog_counts_NG, n, example, track);
      const CountColumn count{split_bf16(0, gradient), n.trimming() - begin, n.window};
      const uint4* const weights =
          packed + (static_cast<std::int64_t>(track) * (n.channels / warp_channels) + group) * packed_words + forward_words;
      add_input_track(sums, shared_words + track * n_words + run_begin + columns - 2 + lane.g - 2 * lane.q, weights, count,
                      lane);
    }
  }
  T* const to = dfeatures_NLC + static_cast<std::int64_t>(example) * n.length * n.channels + group * warp_channels;
#pragma unroll
  for (int i = 0; i < input_positions / 8; ++i) {
    const int l = begin + 8 * i + lane.g;
    if (l < n.length) store_row(to + static_cast<std::int64_t>(l) * n.channels, lane.q, sums[i / 2], i % 2);
  }
}

/// Where a tile of the weights' gradient lies.
struct WeightPlace {
  int example, first;
};

/// What a lane reads of a tile, one tile ahead: each piece is replaced by the next tile's as soon as it is used.
template <class T>
struct WeightTile {
  static constexpr int words_of_lane = (weight_words + 31) / 32;
  FourChannels<T> features[weight_positions / 4];
  float e[words_of_lane][2];
  float count;

  __device__ __forceinline__ void load_gradient(const float* dlogits_NTW, const float* dlog_counts_NG, const HeadShape& n,
                                                const WeightPlace& at, int track, int lane) {
    const ShiftedGradient gradient(dlogits_NTW, n, at.example, track);
#pragma unroll
    for (int i = 0; i < words_of_lane; ++i) {
      const int index = at.first - (columns - 1) + lane + 32 * i;
      e[i][0] = gradient(index);
      e[i][1] = gradient(index + 1);
    }
    count = count_gradient(dlog_counts_NG, n, at.example, track);
  }

  /// words[i] = the pair (e(i), e(i+1)), i counted from the tile's first position - 79.
  __device__ __forceinline__ void stage(uint2* words, int lane) const {
#pragma unroll
    for (int i = 0; i < words_of_lane; ++i) {
      const SplitWord word = split_bf16(e[i][0], e[i][1]);
      if (lane + 32 * i < weight_words) words[lane + 32 * i] = make_uint2(word.high, word.low);
    }
  }

  /// Positions 16 half to 16 half + 15; from_channel: this lane's four channels of row 0.
  __device__ __forceinline__ void load_rows(int half, const T* from_channel, const HeadShape& n, const WeightPlace& at,
                                            int q) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int l = at.first + 16 * half + lane_position(q, i);
      features[4 * half + i].load(from_channel + (static_cast<std::int64_t>(at.example) * n.length + l) * n.channels,
                                  l < n.length);
    }
  }
};

/// The pair of count gradients at positions l and l + 1.
__device__ __forceinline__ SplitWord count_word(const HeadShape& n, int l, float count) {
  return split_bf16(in_window(n, l) ? count : 0.0f, in_window(n, l + 1) ? count : 0.0f);
}

/// sums += e(p - k) f(p, c) over 16 positions p. `words` are the lane's pairs (e(i), e(i+1)), i = the first position + 2q -
/// g; `count` those of the count row at positions 2q and 2q + 8.
template <class T>
__device__ __forceinline__ void add_weights(WarpSums<column_steps>& sums, const uint2* words, const SplitWord (&count)[2],
                                            const SplitWord (&f)[channel_tiles][2], int g) {
  uint2 e[2 * column_steps + 1];
#pragma unroll
  for (int i = 0; i < 2 * column_steps + 1; ++i) e[i] = words[8 - 8 * i];
#pragma unroll
  for (int s = 0; s < column_steps; ++s) {
    const uint2 a0 = e[2 * s + 1], a2 = e[2 * s];
    uint2 a1 = e[2 * s + 2], a3 = a0;
    if (s == column_steps - 1 && g == 3) {   // row 75 = 64 + 8 + 3
      a1 = {count[0].high, count[0].low};
      a3 = {count[1].high, count[1].low};
    }
    float(&to)[channel_tiles][4] = sums.tiles[s];
#pragma unroll
    for (int j = 0; j < channel_tiles; ++j) multiply_add_bf16(to[j], a0.y, a1.y, a2.y, a3.y, f[j][0].high, f[j][1].high);
    if constexpr (sizeof(T) == sizeof(float)) {
#pragma unroll
      for (int j = 0; j < channel_tiles; ++j) multiply_add_bf16(to[j], a0.x, a1.x, a2.x, a3.x, f[j][0].low, f[j][1].low);
    }
#pragma unroll
    for (int j = 0; j < channel_tiles; ++j) multiply_add_bf16(to[j], a0.x, a1.x, a2.x, a3.x, f[j][0].high, f[j][1].high);
  }
}

/// Gradient of the weights of one track: a block sums one part, up to 128 channels, 32 a warp, in two runs that take the
/// tiles in turn.
template <class T>
__global__ void __launch_bounds__(max_part_threads, 1)
    heads_weights_kernel(float* __restrict__ partial, const float* __restrict__ dlogits_NTW,
                         const float* __restrict__ dlog_counts_NG, const T* __restrict__ features_NLC, HeadShape n,
                         int slice_size) {
  extern __shared__ uint4 shared_memory[];
  const Lane lane = this_lane();
  const PartWarp at;
  const int first_channel = static_cast<int>(blockIdx.z) * block_channels, channel = first_channel + at.block_channel;
  const int slice = static_cast<int>(blockIdx.x) / parts_per_slice, part = static_cast<int>(blockIdx.x) % parts_per_slice;
  const int track = static_cast<int>(blockIdx.y);
  uint2* const words = reinterpret_cast<uint2*>(shared_memory) + at.warp * weight_words;
  const uint2* const lane_words = words + columns - 1 + 2 * lane.q - lane.g;

  WarpSums<column_steps> sums = {};
  if (channel < n.channels) {
    const Reached inside = reached(n);
    const int tiles_of_example = (inside.end - inside.begin + weight_positions - 1) / weight_positions;
    const PartTiles tiles = part_tiles(part, slice_size * tiles_of_example);
    const auto place_of = [&](int tile) {
      return WeightPlace{slice * slice_size + tile / tiles_of_example,
                         inside.begin + tile % tiles_of_example * weight_positions};
    };
    const T* const from_channel = features_NLC + channel + 4 * lane.g;
    WeightTile<T> ahead;
    if (tiles.begin + at.run < tiles.end) {
      const WeightPlace first = place_of(tiles.begin + at.run);
      ahead.load_gradient(dlogits_NTW, dlog_counts_NG, n, first, track, lane.index);
      for (int half = 0; half < 2; ++half) ahead.load_rows(half, from_channel, n, first, lane.q);
    }
#pragma unroll 1
    for (int tile = tiles.begin + at.run; tile < tiles.end; tile += runs_per_part) {
      const bool more = tile + runs_per_part < tiles.end;
      const WeightPlace now = place_of(tile), next = place_of(tile + runs_per_part);
      const float count = ahead.count;
      __syncwarp();
      ahead.stage(words, lane.index);
      __syncwarp();
      if (more) ahead.load_gradient(dlogits_NTW, dlog_counts_NG, n, next, track, lane.index);
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        SplitWord f[channel_tiles][2];
#pragma unroll
        for (int i = 0; i < channel_tiles * 2; ++i) {
          const int j = i / 2, p = 4 * half + i % 2 * 2;
          f[j][i % 2] = split_bf16(ahead.features[p][j], ahead.features[p + 1][j]);
        }
        if (more) ahead.load_rows(half, from_channel, n, next, lane.q);
        const int l = now.first + 16 * half + 2 * lane.q;
        const SplitWord counts[2] = {count_word(n, l, count), count_word(n, l + 8, count)};
        add_weights<T>(sums, lane_words + 16 * half, counts, f, lane.g);
      }
    }
  }
  float* const to =
      partial + (static_cast<std::int64_t>(blockIdx.x) * n.tracks + track) * gradient_rows * n.channels + first_channel;
  write_part(to, n.channels, channel < n.channels ? gradient_rows : 0, reinterpret_cast<float*>(shared_memory), sums, at,
             lane);
}

/// Sum over a block of threads, in a fixed tree; valid in thread 0.
__device__ float block_sum(float value) {
  __shared__ float of_warps[32];
  for (int distance = 16; distance > 0; distance /= 2) value += __shfl_xor_sync(0xffffffffu, value, distance);
  if (threadIdx.x % 32 == 0) of_warps[threadIdx.x / 32] = value;
  __syncthreads();
  float total = 0;
  for (unsigned w = 0; w < blockDim.x / 32; ++w) total += of_warps[w];
  return total;
}

/// Of a slice: the weights from the parts; and in the last blocks the biases, one each, from the gradients themselves.
__global__ void __launch_bounds__(threads)
    heads_gradient_kernel(SliceGradients gradient, HeadOffsets offsets, const float* __restrict__ partial,
                          const float* __restrict__ dlogits_NTW, const float* __restrict__ dlog_counts_NG, HeadShape n,
                          int weight_blocks) {
  const int slice = static_cast<int>(blockIdx.y), block = static_cast<int>(blockIdx.x);
  const int thread = static_cast<int>(threadIdx.x);
  float* const to = gradient.values + slice * gradient.stride;
  if (block < weight_blocks) {
    const int size = n.tracks * gradient_rows * n.channels, index = block * threads + thread;
    if (index >= size) return;
    const int channel = index % n.channels, row = index / n.channels % gradient_rows;
    const int track = index / n.channels / gradient_rows;
    if (row == count_column && track >= n.groups) return;
    const std::int64_t place =
        row == count_column
            ? offsets.count_weight + track * n.count_inputs() + channel
            : offsets.profile_weight + (static_cast<std::int64_t>(track) * n.profile_inputs() + channel) * taps + row;
    to[place] = sum_of_parts(partial, size, slice, index);
    return;
  }
  const bool is_profile = block - weight_blocks < n.tracks;
  const int index = is_profile ? block - weight_blocks : block - weight_blocks - n.tracks;   // track or group
  const int width = is_profile ? n.window : 1, rows = is_profile ? n.tracks : n.groups;
  const float* const from = is_profile ? dlogits_NTW : dlog_counts_NG;
  float total = 0;
  for (int i = thread / 32; i < gradient.slice_size; i += warps) {
    const float* const row = from + (static_cast<std::int64_t>(slice * gradient.slice_size + i) * rows + index) * width;
#pragma unroll 8
    for (int w = thread % 32; w < width; w += 32) total += row[w];
  }
  total = block_sum(total);
  if (thread == 0) to[(is_profile ? offsets.profile_bias : offsets.count_bias) + index] = total;
}

}   // namespace

// ---- launcher -------------------------------------------------------------------------------------------------------

template <class T>
void heads_backward(cudaStream_t stream, const SliceGradients& gradient, const HeadOffsets& offsets, T* dfeatures_NLC,
                    const float* dlogits_NTW, const float* dlog_counts_NG, const T* features_NLC, const void* packed,
                    const HeadShape& n, void* scratch) {
  const int n_slices = gradient.n_slices(n.examples);
  float* const partial = static_cast<float*>(scratch);

  const PartBlocks blocks(n.channels);
  constexpr std::size_t weight_shared =
      std::max(sizeof(float) * gradient_rows * block_channels, sizeof(uint2) * max_part_threads / 32 * weight_words);
  launch_in_order("cheri::nn::hopper::heads_backward::weights", stream, heads_weights_kernel<T>,
                  dim3(static_cast<unsigned>(n_slices * parts_per_slice), static_cast<unsigned>(n.tracks), blocks.blocks),
                  blocks.threads, weight_shared, partial, dlogits_NTW, dlog_counts_NG, features_NLC, n, gradient.slice_size);

  const int weight_blocks = (n.tracks * gradient_rows * n.channels + threads - 1) / threads;
  launch_in_order("cheri::nn::hopper::heads_backward::gradient", stream, heads_gradient_kernel,
                  dim3(static_cast<unsigned>(weight_blocks + n.tracks + n.groups), static_cast<unsigned>(n_slices)), threads,
                  0, gradient, offsets, partial, dlogits_NTW, dlog_counts_NG, n, weight_blocks);

  const int groups = std::min(n.channels / warp_channels, 4);
  const auto channel_blocks = static_cast<unsigned>((n.channels / warp_channels + groups - 1) / groups);
  const int runs = warps / groups, block_positions = runs * input_positions;
  const std::size_t shared = sizeof(uint2) * static_cast<std::size_t>(n.tracks * (block_positions + columns - 2));
  allow_shared_memory(heads_input_kernel<T>, static_cast<int>(shared), "cheri::nn::hopper::heads_backward::input");
  launch_in_order("cheri::nn::hopper::heads_backward::input", stream, heads_input_kernel<T>,
                  dim3(static_cast<unsigned>((n.length + block_positions - 1) / block_positions),
                       static_cast<unsigned>(n.examples), channel_blocks),
                  32 * groups * runs, shared, dfeatures_NLC, dlogits_NTW, dlog_counts_NG, static_cast<const uint4*>(packed),
                  n, groups);
}

#define CHERI_HOPPER_HEADS(T)                                                                                              \
  template void heads_backward<T>(cudaStream_t, const SliceGradients&, const HeadOffsets&, T*, const float*, const float*, \
                                  const T*, const void*, const HeadShape&, void*);
CHERI_HOPPER_HEADS(float)
CHERI_HOPPER_HEADS(__nv_bfloat16)

}   // namespace cheri::nn::hopper
