// The stem as a product: row (n, l) of the left matrix is the one-hot window of 21 taps x 4 bases, the right one the
// weights.
//
// The inner index is 4 tap + base, 84 of them in six steps of 16, that is of four taps. What a lane needs of the one-hot
// matrix depends on position + tap only: a few words, looked up by code in shared memory, serve all steps.
#include "nn/kernels/hopper/fragments.cuh"
#include "nn/kernels/hopper/parts.cuh"
#include "nn/kernels/hopper/stem.hpp"

#include <algorithm>

namespace cheri::nn::hopper {
namespace {

constexpr int taps = 21, reach = taps / 2;
constexpr int steps = 6;      ///< of four taps
constexpr int n_words = 16;   ///< one-hot words of a lane for 16 positions
constexpr int halo = 24;      ///< positions that the taps of a tile reach beyond it, with the empty taps of the last step
constexpr int no_base = 4;
constexpr int forward_positions = 64, backward_positions = 32;   ///< of a tile
constexpr int gradient_rows = 4 * taps + 1;                      ///< of a part: weights by 4 tap + base, and the bias
constexpr Word one_bf16 = 0x3f80, one_fp16 = 0x3c00;

/// Whether the forward splits the weights in two bf16, instead of one fp16.
template <class T>
constexpr bool is_split = sizeof(T) == sizeof(float);

/// 16-byte words of the packed weights for 32 channels: the forward's right tiles, then the backward's left tiles.
constexpr int forward_words = steps * channel_tiles * 32, backward_words = steps * 2 * 32;

// ---- mathematics -----------------------------------------------------------------------------------------------------

constexpr float sqrt_2_over_pi = 0.7978845608028654f, cubic = 0.044715f;

/// Logistic function of 2u, u = sqrt(2/pi) (h + 0.044715 h^3): gelu(h) = h times it. Relative error some 2^-21.
__device__ __forceinline__ float gelu_gate(float h) {
  constexpr float log2_e = 1.4426950408889634f;
  const float exponent = h * fmaf(h * h, -2 * log2_e * sqrt_2_over_pi * cubic, -2 * log2_e * sqrt_2_over_pi);
  float power, gate;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(power) : "f"(exponent));
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(gate) : "f"(1.0f + power));
  return gate;
}

__device__ __forceinline__ float gelu_derivative(float h) {
  const float gate = gelu_gate(h);
  const float slope = h * fmaf(h * h, 6 * sqrt_2_over_pi * cubic, 2 * sqrt_2_over_pi);
  return fmaf(slope, gate - gate * gate, gate);
}

/// `one` in the half of a word that stands for base `code` of the pair (0, 1) or (2, 3); zero for any other code.
__device__ __forceinline__ Word one_hot_pair(Word one, int code, int pair) {
  const int half = code - 2 * pair;
  return half == 0 ? one : (half == 1 ? one << 16 : 0);
}

/// The weight of inner index 4 tap + base, or zero behind the last.
__device__ __forceinline__ float weight_at(const float* weight, int channel, int inner) {
  const int tap = inner / 4, base = inner % 4;
  return tap < taps ? weight[(channel * 4 + base) * taps + tap] : 0.0f;
}

__device__ __forceinline__ int code_at(const std::uint8_t* codes, int length, int l) {
  return l >= 0 && l < length ? codes[l] : no_base;
}

// ---- packing ---------------------------------------------------------------------------------------------------------

/// Two fp16, the largest of them for what is beyond.
__device__ __forceinline__ Word pack_bounded_fp16(float first, float second) {
  constexpr float largest = 65504;
  return pack_fp16(fminf(fmaxf(first, -largest), largest), fminf(fmaxf(second, -largest), largest));
}

/// Right tile (step, tile): columns are channels in the order of channel_of. For bf16 activations fp16 weights are exact
/// enough (their error is a tenth of the rounding of the output); for float ones the weights are split.
template <class T>
__device__ uint4 forward_fragment(const float* weight, int first_channel, int step, int tile, int lane) {
  const int channel = first_channel + channel_of<T>(tile, lane / 4);
  const int inner = 16 * step + lane % 4 * 2;
  const auto at = [&](int k) { return weight_at(weight, channel, k); };
  if constexpr (is_split<T>) {
    const SplitWord upper = split_bf16(at(inner), at(inner + 1)), lower = split_bf16(at(inner + 8), at(inner + 9));
    return {upper.high, lower.high, upper.low, lower.low};
  } else {
    return {pack_bounded_fp16(at(inner), at(inner + 1)), pack_bounded_fp16(at(inner + 8), at(inner + 9)), 0, 0};
  }
}

/// Left tile (step, tile) in fp16, enough for the argument of gelu': row g is channel 4g + 2 tile, row g + 8 the next one.
__device__ uint4 backward_fragment(const float* weight, int first_channel, int step, int tile, int lane) {
  const int channel = first_channel + lane / 4 * 4 + 2 * tile;
  const int inner = 16 * step + lane % 4 * 2;
  const auto pair = [&](int c, int k) { return pack_bounded_fp16(weight_at(weight, c, k), weight_at(weight, c, k + 1)); };
  return {pair(channel, inner), pair(channel + 1, inner), pair(channel, inner + 8), pair(channel + 1, inner + 8)};
}

template <class T>
__global__ void pack_kernel(uint4* packed, const float* weight) {
  const int index = static_cast<int>(threadIdx.x);
  const int first_channel = static_cast<int>(blockIdx.y) * warp_channels;
  const int word = static_cast<int>(blockIdx.x * blockDim.x) + index;
  uint4* const to = packed + static_cast<std::int64_t>(blockIdx.y) * (forward_words + backward_words) + word;
  const int lane = word % 32;
  if (word < forward_words) {
    *to = forward_fragment<T>(weight, first_channel, word / 32 / channel_tiles, word / 32 % channel_tiles, lane);
  } else if (word < forward_words + backward_words) {
    const int at = (word - forward_words) / 32;
    *to = backward_fragment(weight, first_channel, at / 2, at % 2, lane);
  }
}

// ---- forward ---------------------------------------------------------------------------------------------------------

/// words[i][pair] for the positions first - 10 + i.
__device__ __forceinline__ void stage_codes(Word (*words)[2], Word one, const std::uint8_t* codes, int length, int first,
                                            int lane) {
#pragma unroll
  for (int i = lane; i < forward_positions + halo; i += 32) {
    const int code = code_at(codes, length, first - reach + i);
    *reinterpret_cast<uint2*>(words[i]) = make_uint2(one_hot_pair(one, code, 0), one_hot_pair(one, code, 1));
  }
}

/// sums += the one-hot windows of 16 positions times the weights.
template <class T>
__device__ __forceinline__ void add_windows(float (&sums)[channel_tiles][4], const Word (&x)[n_words],
                                            const uint4 (&weights)[steps][channel_tiles]) {
#pragma unroll
  for (int s = 0; s < steps; ++s) {
    const Word a0 = x[2 * s], a1 = x[2 * s + 4], a2 = x[2 * s + 1], a3 = x[2 * s + 5];
    if constexpr (is_split<T>) {
#pragma unroll
      for (int j = 0; j < channel_tiles; ++j) {
        multiply_add_bf16(sums[j], a0, a1, a2, a3, weights[s][j].z, weights[s][j].w);
      }
    }
#pragma unroll
    for (int j = 0; j < channel_tiles; ++j) {
      if constexpr (is_split<T>) {
        multiply_add_bf16(sums[j], a0, a1, a2, a3, weights[s][j].x, weights[s][j].y);
      } else {
        multiply_add_fp16(sums[j], a0, a1, a2, a3, weights[s][j].x, weights[s][j].y);
      }
    }
  }
}

/// Blocks of the forward on a multiprocessor: as many as its registers hold.
template <class T>
constexpr int forward_blocks = is_split<T> ? 3 : 4;

/// A warp makes 32 channels of tiles of 64 positions; its part of the weights stays in registers.
template <class T>
__global__ void __launch_bounds__(128, forward_blocks<T>)
    stem_forward_kernel(T* __restrict__ out_NLC, const std::uint8_t* __restrict__ codes_NL, const uint4* __restrict__ packed,
                        const float* __restrict__ bias_C, StemShape n, int n_tiles, int tiles_of_example) {
  __shared__ Word shared_words[4][forward_positions + halo][2];
  const Lane lane = this_lane();
  const int warp = static_cast<int>(threadIdx.x) / 32;
  const int group = static_cast<int>(blockIdx.y) * static_cast<int>(blockDim.x) / 32 + warp;
  const int channel = group * warp_channels;
  if (channel >= n.channels) return;
  Word(*const words)[2] = shared_words[warp];
  const Word* const lane_words = &words[lane.g + lane.q / 2][lane.q % 2];

  uint4 weights[steps][channel_tiles];
  const uint4* const from = packed + static_cast<std::int64_t>(group) * (forward_words + backward_words) + lane.index;
#pragma unroll
  for (int i = 0; i < steps * channel_tiles; ++i) weights[i / channel_tiles][i % channel_tiles] = from[i * 32];
#pragma unroll
  for (int j = 0; j < channel_tiles; ++j) weights[steps - 1][j].y = weights[steps - 1][j].w = 0;   // taps 22 and 23
  float bias[channel_tiles][2];
#pragma unroll
  for (int j = 0; j < channel_tiles; ++j) {
    for (int e = 0; e < 2; ++e) bias[j][e] = bias_C[channel + channel_of<T>(j, 2 * lane.q + e)];
  }

  for (int tile = static_cast<int>(blockIdx.x); tile < n_tiles; tile += static_cast<int>(gridDim.x)) {
    const int example = tile / tiles_of_example;
    const int first = tile % tiles_of_example * forward_positions;
    __syncwarp();
    stage_codes(words, is_split<T> ? one_bf16 : one_fp16, codes_NL + static_cast<std::int64_t>(example) * n.length, n.length,
                first, lane.index);
    __syncwarp();
    T* const out = out_NLC + (static_cast<std::int64_t>(example) * n.length + first) * n.channels + channel;
#pragma unroll 1
    for (int row = 0; row < forward_positions && first + row < n.length; row += 16) {
      Word x[n_words];
#pragma unroll
      for (int i = 0; i < n_words; ++i) x[i] = lane_words[2 * (row + 2 * i)];
      float sums[channel_tiles][4];
#pragma unroll
      for (int j = 0; j < channel_tiles; ++j) {
        for (int e = 0; e < 4; ++e) sums[j][e] = bias[j][e % 2];
      }
      add_windows<T>(sums, x, weights);
#pragma unroll
      for (int j = 0; j < channel_tiles; ++j) {
        for (int e = 0; e < 4; ++e) sums[j][e] *= gelu_gate(sums[j][e]);
      }
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int at = row + 8 * half + lane.g;
        if (first + at < n.length) store_row(out + static_cast<std::int64_t>(at) * n.channels, lane.q, sums, half);
      }
    }
  }
}

// ---- backward --------------------------------------------------------------------------------------------------------

/// One-hot words of a backward tile's positions: pairs of bases in fp16, for the product before the GELU, and for every base
/// pairs of neighbouring positions in bf16, for the gradient.
struct BackwardWords {
  Word bases[backward_positions + halo][2];
  Word positions[backward_positions + halo][4];
};

/// Where a backward tile lies.
struct BackwardPlace {
  std::int64_t example_begin;   ///< row of the example's first position
  int first;                    ///< position in the example
};

/// What a lane reads of a tile, one tile ahead: each piece is replaced by the next tile's as soon as it is used.
template <class T>
struct BackwardTile {
  FourChannels<T> dout[backward_positions / 4];
  int codes[2], next_codes[2];

  __device__ __forceinline__ void load_codes(const std::uint8_t* codes_NL, const StemShape& n, const BackwardPlace& at,
                                             const Lane& lane) {
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      const int l = at.first - reach + lane.index + 32 * i;
      codes[i] = code_at(codes_NL + at.example_begin, n.length, l);
      next_codes[i] = code_at(codes_NL + at.example_begin, n.length, l + 1);
    }
  }

  /// Positions 16 half to 16 half + 15; from_channel: this lane's four channels of row 0.
  __device__ __forceinline__ void load_rows(int half, const T* from_channel, const StemShape& n, const BackwardPlace& at,
                                            const Lane& lane) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int l = at.first + 16 * half + lane_position(lane.q, i);
      dout[4 * half + i].load(from_channel + (at.example_begin + l) * n.channels, l < n.length);
    }
  }

  __device__ __forceinline__ void stage(BackwardWords& words, int lane) const {
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      const int at = lane + 32 * i;
      if (at >= backward_positions + halo) break;
      const auto pair = [&](int base) {
        return (codes[i] == base ? one_bf16 : 0) | (next_codes[i] == base ? one_bf16 << 16 : 0);
      };
      *reinterpret_cast<uint2*>(words.bases[at]) =
          make_uint2(one_hot_pair(one_fp16, codes[i], 0), one_hot_pair(one_fp16, codes[i], 1));
      *reinterpret_cast<uint4*>(words.positions[at]) = make_uint4(pair(0), pair(1), pair(2), pair(3));
    }
  }
};

/// The convolution before the GELU at 16 positions, transposed: before[i][p][2h + e] is channel 4g + 2i + h at position
/// 8p + 2q + e.
__device__ __forceinline__ void before_gelu(float (&before)[2][2][4], const Word* words, const uint4* weights,
                                            const float (&bias)[4], int lane) {
  Word x[n_words];
#pragma unroll
  for (int i = 0; i < n_words; ++i) x[i] = words[2 * (2 * i)];
#pragma unroll
  for (int i = 0; i < 2; ++i) {
    for (int p = 0; p < 2; ++p) {
      for (int e = 0; e < 4; ++e) before[i][p][e] = bias[2 * i + e / 2];
    }
  }
#pragma unroll
  for (int s = 0; s < steps; ++s) {
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      const uint4 w = __ldg(weights + (2 * s + i) * 32 + lane);
#pragma unroll
      for (int p = 0; p < 2; ++p) {
        multiply_add_fp16(before[i][p], w.x, w.y, w.z, w.w, x[2 * s + 4 * p], x[2 * s + 4 * p + 1]);
      }
    }
  }
}

/// The words of a left tile of add_taps: step s of the one-hot windows, transposed; the first row behind the weights is all
/// ones, which gives the bias.
__device__ __forceinline__ uint4 tap_tile(const Word (&x)[n_words], int s, int g) {
  if (s < steps - 1) return {x[2 * s], x[2 * s + 1], x[2 * s + 4], x[2 * s + 5]};
  const Word bias_row = g == 4 ? one_bf16 | one_bf16 << 16 : 0;
  return {g < 4 ? x[2 * s] : bias_row, 0, g < 4 ? x[2 * s + 4] : bias_row, 0};
}

/// sums += one-hot windows of 16 positions, transposed, times the gradient before the GELU. Two products go to one sum: all
/// first ones come before all second ones, so that none waits for another.
__device__ __forceinline__ void add_taps(WarpSums<steps>& sums, const Word* words, const SplitWord (&d)[channel_tiles][2],
                                         int g) {
  Word x[n_words];
#pragma unroll
  for (int i = 0; i < n_words; ++i) x[i] = words[4 * (2 * i)];
#pragma unroll
  for (int is_high = 0; is_high < 2; ++is_high) {
#pragma unroll
    for (int i = 0; i < steps * channel_tiles; ++i) {
      const int s = i / channel_tiles, j = i % channel_tiles;
      const uint4 a = tap_tile(x, s, g);
      const Word b0 = is_high != 0 ? d[j][0].high : d[j][0].low, b1 = is_high != 0 ? d[j][1].high : d[j][1].low;
      multiply_add_bf16(sums.tiles[s][j], a.x, a.y, a.z, a.w, b0, b1);
    }
  }
}

/// A block sums one part: up to 128 channels, 32 a warp, in two runs that take the tiles in turn.
template <class T>
__global__ void __launch_bounds__(max_part_threads, 1)
    stem_backward_kernel(float* __restrict__ partial, const T* __restrict__ dout_NLC,
                         const std::uint8_t* __restrict__ codes_NL, const uint4* __restrict__ packed,
                         const float* __restrict__ bias_C, StemShape n, int slice_size) {
  extern __shared__ uint4 shared[];
  const Lane lane = this_lane();
  const PartWarp at;
  const int first_channel = static_cast<int>(blockIdx.y) * block_channels, channel = first_channel + at.block_channel;
  const int slice = static_cast<int>(blockIdx.x) / parts_per_slice, part = static_cast<int>(blockIdx.x) % parts_per_slice;
  BackwardWords& words = reinterpret_cast<BackwardWords*>(shared)[at.warp];
  const uint4* const weights =
      packed + static_cast<std::int64_t>(channel / warp_channels) * (forward_words + backward_words) + forward_words;

  WarpSums<steps> sums = {};
  if (channel < n.channels) {
    float bias[4];
    for (int j = 0; j < 4; ++j) bias[j] = bias_C[channel + 4 * lane.g + j];
    const int tiles_of_example = (n.length + backward_positions - 1) / backward_positions;
    const PartTiles tiles = part_tiles(part, slice_size * tiles_of_example);
    const auto place_of = [&](int tile) {
      const int example = slice * slice_size + tile / tiles_of_example;
      return BackwardPlace{static_cast<std::int64_t>(example) * n.length, tile % tiles_of_example * backward_positions};
    };
    const T* const from_channel = dout_NLC + channel + 4 * lane.g;
    BackwardTile<T> ahead;
    if (tiles.begin + at.run < tiles.end) {
      const BackwardPlace first = place_of(tiles.begin + at.run);
      ahead.load_codes(codes_NL, n, first, lane);
      for (int half = 0; half < 2; ++half) ahead.load_rows(half, from_channel, n, first, lane);
    }
#pragma unroll 1
    for (int tile = tiles.begin + at.run; tile < tiles.end; tile += runs_per_part) {
      const bool more = tile + runs_per_part < tiles.end;
      const BackwardPlace next = place_of(tile + runs_per_part);
      __syncwarp();
      ahead.stage(words, lane.index);
      __syncwarp();
      if (more) ahead.load_codes(codes_NL, n, next, lane);
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        float before[2][2][4];
        before_gelu(before, &words.bases[16 * half + lane.g + lane.q / 2][lane.q % 2], weights, bias, lane.index);
        SplitWord d[channel_tiles][2];
#pragma unroll
        for (int i = 0; i < channel_tiles * 2; ++i) {
          const int j = i / 2, p = i % 2, at_p = 4 * half + 2 * p;
          const float* const h = &before[j / 2][p][2 * (j % 2)];
          d[j][p] = split_bf16(ahead.dout[at_p][j] * gelu_derivative(h[0]), ahead.dout[at_p + 1][j] * gelu_derivative(h[1]));
        }
        if (more) ahead.load_rows(half, from_channel, n, next, lane);
        add_taps(sums, &words.positions[16 * half + lane.g / 4 + 2 * lane.q][lane.g % 4], d, lane.g);
      }
    }
  }
  float* const to = partial + static_cast<std::int64_t>(blockIdx.x) * gradient_rows * n.channels + first_channel;
  write_part(to, n.channels, channel < n.channels ? gradient_rows : 0, reinterpret_cast<float*>(shared), sums, at, lane);
}

/// From the rows of the parts to iconv.weight (C, 4, 21) and iconv.bias (C).
__global__ void add_parts_kernel(SliceGradients gradient, std::int64_t weight_offset, std::int64_t bias_offset,
                                 const float* __restrict__ partial, int channels) {
  const int index = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  const int slice = static_cast<int>(blockIdx.y);
  if (index >= gradient_rows * channels) return;
  const int row = index / channels, channel = index % channels;
  const int tap = row / 4, base = row % 4;
  const std::int64_t place = tap == taps ? bias_offset + channel : weight_offset + (channel * 4 + base) * taps + tap;
  gradient.values[slice * gradient.stride + place] = sum_of_parts(partial, gradient_rows * channels, slice, index);
}

/// Warps of a block of the forward, side by side in the channels.
int forward_warps(int channels) { return std::min(channels / warp_channels, 4); }

}   // namespace

// ---- launchers -------------------------------------------------------------------------------------------------------

bool stem_serves(const StemShape& shape) {
  return shape.examples >= 1 && shape.length >= 1 && shape.channels >= warp_channels && shape.channels % warp_channels == 0;
}

std::size_t stem_packed_size(int channels) {
  return sizeof(uint4) * static_cast<std::size_t>(channels / warp_channels) * (forward_words + backward_words);
}

std::size_t stem_scratch_size(int channels, int n_slices) {
  return sizeof(float) * static_cast<std::size_t>(n_slices) * parts_per_slice * gradient_rows *
         static_cast<std::size_t>(channels);
}

template <class T>
void stem_pack(cudaStream_t stream, void* packed, const float* weight, int channels) {
  constexpr int threads = 128;
  const dim3 grid((forward_words + backward_words + threads - 1) / threads, static_cast<unsigned>(channels / warp_channels));
  launch_in_order("cheri::nn::hopper::stem_pack", stream, pack_kernel<T>, grid, threads, 0, static_cast<uint4*>(packed),
                  weight);
}

template <class T>
void stem_forward(cudaStream_t stream, T* out_NLC, const std::uint8_t* codes_NL, const void* packed, const float* bias_C,
                  const StemShape& shape) {
  const int warps = forward_warps(shape.channels);
  const int tiles_of_example = (shape.length + forward_positions - 1) / forward_positions;
  const int n_tiles = shape.examples * tiles_of_example;
  const int resident_blocks = forward_blocks<T> * multiprocessors() * 4 / warps;
  const dim3 grid(static_cast<unsigned>(std::min(n_tiles, resident_blocks)),
                  static_cast<unsigned>((shape.channels / warp_channels + warps - 1) / warps));
  launch_in_order("cheri::nn::hopper::stem_forward", stream, stem_forward_kernel<T>, grid, 32 * warps, 0, out_NLC, codes_NL,
                  static_cast<const uint4*>(packed), bias_C, shape, n_tiles, tiles_of_example);
}

template <class T>
void stem_backward(cudaStream_t stream, const SliceGradients& gradient, std::int64_t weight_offset, std::int64_t bias_offset,
                   const T* dout_NLC, const std::uint8_t* codes_NL, const void* packed, const float* bias_C,
                   const StemShape& shape, void* scratch) {
  const PartBlocks blocks(shape.channels);
  const int n_slices = gradient.n_slices(shape.examples);
  float* const partial = static_cast<float*>(scratch);
  const dim3 grid(static_cast<unsigned>(n_slices * parts_per_slice), blocks.blocks);
  constexpr std::size_t shared =
      std::max(sizeof(float) * gradient_rows * block_channels, max_part_threads / 32 * sizeof(BackwardWords));
  launch_in_order("cheri::nn::hopper::stem_backward", stream, stem_backward_kernel<T>, grid, blocks.threads, shared, partial,
                  dout_NLC, codes_NL, static_cast<const uint4*>(packed), bias_C, shape, gradient.slice_size);
  constexpr int threads = 128;
  const dim3 sums(static_cast<unsigned>((gradient_rows * shape.channels + threads - 1) / threads),
                  static_cast<unsigned>(n_slices));
  launch_in_order("cheri::nn::hopper::stem_backward::add_parts", stream, add_parts_kernel, sums, threads, 0, gradient,
                  weight_offset, bias_offset, partial, shape.channels);
}

#define CHERI_HOPPER_STEM(T)                                                                                         \
  template void stem_pack<T>(cudaStream_t, void*, const float*, int);                                                \
  template void stem_forward<T>(cudaStream_t, T*, const std::uint8_t*, const void*, const float*, const StemShape&); \
  template void stem_backward<T>(cudaStream_t, const SliceGradients&, std::int64_t, std::int64_t, const T*,          \
                                 const std::uint8_t*, const void*, const float*, const StemShape&, void*);
CHERI_HOPPER_STEM(float)
CHERI_HOPPER_STEM(__nv_bfloat16)

}   // namespace cheri::nn::hopper
