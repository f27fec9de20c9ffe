// Packs the weights of all layers for the fused MLP, once a step: a kernel then copies 64 or 128 KB straight into its shared
// memory.
//
// Forward image: W1 as 2 column blocks of (256 hidden, 64 channels), W2 as 4 of (128 channels, 64 hidden); channels permuted
// so that a lane of the fragments owns 16 consecutive bytes of them (see forward_mlp.cu). Backward image, per half of the
// hidden units: W1 as 2 column blocks of (128 hidden, 64 channels), W2 as 2 of (128 channels, 64 hidden); channels in order.
#include "nn/kernels/hopper/device.cuh"
#include "nn/kernels/hopper/kernels.hpp"
#include "nn/kernels/hopper/launch.hpp"
#include "nn/kernels/hopper/wgmma.cuh"

#include <cmath>

namespace cheri::nn::hopper {

SplitScale split_scale(float residual_scale) {
  if (residual_scale == 0 || !std::isfinite(residual_scale)) return {residual_scale, 1};
  int exponent = 0;
  const float fraction = std::frexp(residual_scale, &exponent);
  return {fraction, std::ldexp(1.f, exponent)};
}

namespace {

constexpr int norm_blocks = channels / 32;

/// Positions of channel c in the forward's products, where a lane of a quad owns runs of 16 bytes of activations: along k in
/// the first, whose fragments ask lane q for k = 2q, 2q+1, 2q+8, 2q+9 of every 16 ...
template <class Activation>
__device__ int inner_position(int c) {
  if constexpr (sizeof(Activation) == 4) {   // 4 channels of every 16
    return (c & ~15) + 8 * ((c >> 1) & 1) + 2 * ((c >> 2) & 3) + (c & 1);
  } else {   // 8 of every 32
    return (c & ~31) + 16 * ((c >> 2) & 1) + 8 * ((c >> 1) & 1) + 2 * ((c >> 3) & 3) + (c & 1);
  }
}
/// ... and among the columns of the second, whose accumulator gives lane q columns 8j + 2q, + 1.
template <class Activation>
__device__ int outer_position(int c) {
  if constexpr (sizeof(Activation) == 4) {
    return inner_position<Activation>(c);
  } else {
    return (c & ~31) + 8 * ((c >> 1) & 3) + 2 * ((c >> 3) & 3) + (c & 1);
  }
}

/// The largest sum over h of |W1(h,c)| among 32 channels, by 4 warps.
__device__ void linear1_norm(float* to, const float* linear1, int first_channel) {
  __shared__ float of_warp[4][32];
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  float sum = 0;
#pragma unroll 16
  for (int h = warp; h < hidden; h += 4) sum += fabsf(linear1[h * channels + first_channel + lane]);
  of_warp[warp][lane] = sum;
  __syncthreads();
  if (warp != 0) return;
  const float norm = (of_warp[0][lane] + of_warp[1][lane]) + (of_warp[2][lane] + of_warp[3][lane]);
  const float largest = warp_largest(magnitude_bits(norm));
  if (lane == 0) *to = largest;
}

/// One block is one hidden unit, one thread one channel; a few more blocks a layer take the norms of W1.
template <class Mode>
__global__ void __launch_bounds__(channels)
    pack_kernel(std::byte* packed, const float* parameters, const Layers layers, float fraction) {
  using Operand = typename Format<Mode>::Operand;
  await_previous();
  const int block = static_cast<int>(blockIdx.x);
  const int h = block % (hidden + norm_blocks), layer = block / (hidden + norm_blocks), c = static_cast<int>(threadIdx.x);
  std::byte* const out = packed + static_cast<std::size_t>(layer) * PackedLayout::bytes;
  const LayerOffsets& at = layers.offsets[layer];
  if (h >= hidden) {
    float* const norms = reinterpret_cast<float*>(out + PackedLayout::linear1_norms);
    linear1_norm(norms + h - hidden, parameters + at.linear1, 32 * (h - hidden));
    return;
  }
  const float w1 = parameters[at.linear1 + h * channels + c];
  const float w2 = fraction * parameters[at.linear2 + c * hidden + h];

  std::byte* const forward = out + PackedLayout::forward;
  using Activation = typename Mode::Activation;
  const int k = inner_position<Activation>(c), n = outer_position<Activation>(c);
  store_saturated<Operand>(forward + (k >> 6) * 32768 + swizzled(h, k & 63), w1);
  store_saturated<Operand>(forward + 65536 + (h >> 6) * 16384 + swizzled(n, h & 63), w2);

  std::byte* const backward = out + PackedLayout::backward + (h >> 7) * 65536;
  const int row = h & 127;
  const float rounded1 = store_saturated<Operand>(backward + (c >> 6) * 16384 + swizzled(row, c & 63), w1);
  const float rounded2 = store_saturated<Operand>(backward + 32768 + (row >> 6) * 16384 + swizzled(c, row & 63), w2);

  __shared__ float sums[2][channels / 32];
  const float sum = warp_sum(rounded1), norm = warp_sum(fabsf(rounded2));
  if (c % 32 == 0) sums[0][c / 32] = sum, sums[1][c / 32] = norm;
  __syncthreads();
  if (c < 2) {
    const float total = (sums[c][0] + sums[c][1]) + (sums[c][2] + sums[c][3]);
    *reinterpret_cast<float*>(out + (c == 0 ? PackedLayout::row_sums : PackedLayout::linear2_norms) + 4 * h) = total;
  }
}

}   // namespace

template <class Mode>
void pack_fused_weights(cudaStream_t stream, std::byte* packed, const float* parameters, const Layers& all, int n_layers,
                        float residual_scale) {
  launch("cheri::nn::hopper::pack_weights", stream, pack_kernel<Mode>, n_layers * (hidden + norm_blocks), channels, 0,
         packed, parameters, all, split_scale(residual_scale).fraction);
}

template void pack_fused_weights<Tf32Class>(cudaStream_t, std::byte*, const float*, const Layers&, int, float);
template void pack_fused_weights<Bf16>(cudaStream_t, std::byte*, const float*, const Layers&, int, float);

}   // namespace cheri::nn::hopper
