// Packs the weights of all layers for the wide MLP, once a step: four 16-bit images a layer, and sums over their rows.
#include "nn/kernels/hopper/device.cuh"
#include "nn/kernels/hopper/formats.cuh"
#include "nn/kernels/hopper/wide.hpp"

namespace cheri::nn::hopper {
namespace {

constexpr int tile = 32;
constexpr int warps = 8;
constexpr int threads = 32 * warps;

/// Row of an image that makes column n of a product whose result has `size`-byte elements: a lane of a quad gets columns
/// 8j + 2 (lane % 4) + e of every eight, and with this order runs of 16 bytes of the result (of 16 columns if size is 4).
__device__ int image_row(int n, int size) {
  if (size == 4) return (n & ~15) + 8 * (n >> 1 & 1) + 2 * (n >> 2 & 3) + (n & 1);
  return (n & ~31) + 8 * (n >> 1 & 3) + 2 * (n >> 3 & 3) + (n & 1);
}

template <class Operand>
__device__ float rounded(float value) {
  Run<Operand, 2> pair;
  pair.words[0] = pack_pair_saturated<Operand>(value, 0.f);
  return pair[0];
}

/// One block: 32 hidden units by 32 channels of one layer, in all four images.
template <class Mode>
__global__ void __launch_bounds__(threads)
    pack_images_kernel(std::byte* packed, const float* parameters, const Layers layers, const Width width,
                       const WideLayout layout, float fraction) {
  using Operand = typename Format<Mode>::Operand;
  constexpr int out_size = sizeof(typename Mode::Activation);
  __shared__ float w1[tile][tile + 1], w2[tile][tile + 1];   // (h, c), (c, h)
  await_previous();
  const int channel_tiles = width.channels / tile, tiles = channel_tiles * (width.hidden / tile);
  const int layer = static_cast<int>(blockIdx.x) / tiles, at = static_cast<int>(blockIdx.x) % tiles;
  const int h0 = at / channel_tiles * tile, c0 = at % channel_tiles * tile;
  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
  const float* const linear1 = parameters + layers.offsets[layer].linear1;
  const float* const linear2 = parameters + layers.offsets[layer].linear2;
  for (int i = warp; i < tile; i += warps) {
    w1[i][lane] = linear1[static_cast<std::int64_t>(h0 + i) * width.channels + c0 + lane];
    w2[i][lane] = fraction * linear2[static_cast<std::int64_t>(c0 + i) * width.hidden + h0 + lane];
  }
  __syncthreads();
  std::byte* const out = packed + static_cast<std::size_t>(layer) * layout.bytes;
  for (int i = warp; i < tile; i += warps) {
    const std::int64_t hidden_row = static_cast<std::int64_t>(image_row(h0 + i, 2)) * width.channels + c0 + lane;
    store_saturated<Operand>(out + layout.linear1 + 2 * hidden_row, w1[i][lane]);
    store_saturated<Operand>(out + layout.linear2_transposed + 2 * hidden_row, w2[lane][i]);
    const auto channel_row = [&](int size) {
      return static_cast<std::int64_t>(image_row(c0 + i, size)) * width.hidden + h0 + lane;
    };
    store_saturated<Operand>(out + layout.linear2 + 2 * channel_row(out_size), w2[i][lane]);
    store_saturated<Operand>(out + layout.linear1_transposed + 2 * channel_row(2), w1[lane][i]);
  }
}

/// The sum over the block's warps of each lane's value, in the first warp.
__device__ float sum_of_warps(float value, int warp, int lane) {
  __shared__ float of_warp[warps][32];
  of_warp[warp][lane] = value;
  __syncthreads();
  float total = 0;
  for (int i = 0; i < warps; ++i) total += of_warp[i][lane];
  return total;
}

/// One block: row sums and norms of W2 for 32 hidden units, or the norm of W1 for 32 channels.
template <class Mode>
__global__ void __launch_bounds__(threads) pack_norms_kernel(std::byte* packed, const float* parameters, const Layers layers,
                                                             const Width width, const WideLayout layout, float fraction) {
  using Operand = typename Format<Mode>::Operand;
  await_previous();
  const int hidden_blocks = width.hidden / 32, blocks = hidden_blocks + width.channels / 32;
  const int layer = static_cast<int>(blockIdx.x) / blocks, block = static_cast<int>(blockIdx.x) % blocks;
  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
  const float* const linear1 = parameters + layers.offsets[layer].linear1;
  const float* const linear2 = parameters + layers.offsets[layer].linear2;
  std::byte* const out = packed + static_cast<std::size_t>(layer) * layout.bytes;
  if (block >= hidden_blocks) {
    const int c0 = 32 * (block - hidden_blocks);
    float norm = 0;
    for (int h = warp; h < width.hidden; h += warps) {
      norm += fabsf(linear1[static_cast<std::int64_t>(h) * width.channels + c0 + lane]);
    }
    norm = sum_of_warps(norm, warp, lane);
    if (warp != 0) return;
    const float largest = warp_largest(magnitude_bits(norm));
    if (lane == 0) reinterpret_cast<float*>(out + layout.linear1_norms)[block - hidden_blocks] = largest;
    return;
  }
  const int h0 = 32 * block;
  for (int i = warp; i < 32; i += warps) {
    float sum = 0;
    for (int c = lane; c < width.channels; c += 32) {
      sum += rounded<Operand>(linear1[static_cast<std::int64_t>(h0 + i) * width.channels + c]);
    }
    sum = warp_sum(sum);
    if (lane == 0) reinterpret_cast<float*>(out + layout.row_sums)[h0 + i] = sum;
  }
  float norm = 0;
  for (int c = warp; c < width.channels; c += warps) {
    norm += fabsf(rounded<Operand>(fraction * linear2[static_cast<std::int64_t>(c) * width.hidden + h0 + lane]));
  }
  norm = sum_of_warps(norm, warp, lane);
  if (warp == 0) reinterpret_cast<float*>(out + layout.linear2_norms)[h0 + lane] = norm;
}

}   // namespace

template <class Mode>
void pack_wide_weights(cudaStream_t stream, std::byte* packed, const float* parameters, const Layers& layers, int n_layers,
                       const Width& width, float residual_scale) {
  const WideLayout layout(width);
  const float fraction = split_scale(residual_scale).fraction;
  const int hidden_tiles = width.hidden / tile, channel_tiles = width.channels / tile;
  launch("cheri::nn::hopper::pack_weights::images", stream, pack_images_kernel<Mode>,
         n_layers * hidden_tiles * channel_tiles, threads, 0, packed, parameters, layers, width, layout, fraction);
  launch("cheri::nn::hopper::pack_weights::norms", stream, pack_norms_kernel<Mode>,
         n_layers * (hidden_tiles + channel_tiles), threads, 0, packed, parameters, layers, width, layout, fraction);
}

#define CHERI_PACK_WIDE(Mode) \
  template void pack_wide_weights<Mode>(cudaStream_t, std::byte*, const float*, const Layers&, int, const Width&, float);
CHERI_PACK_WIDE(Tf32Class)
CHERI_PACK_WIDE(Bf16)
#undef CHERI_PACK_WIDE

}   // namespace cheri::nn::hopper
