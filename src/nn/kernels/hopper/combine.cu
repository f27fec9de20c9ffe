// Between the two large kernels of the backward, and after them: sums of what their blocks left behind, in index order.
//
// combine_backward does two things in one launch. The first blocks, one per slice, add up the sums of each example's tiles
// to the norm's coefficients, and bound the block's dx for the scale of its fp16 copy; the others add the parts of dW1, dW2.
#include "nn/kernels/hopper/formats.cuh"
#include "nn/kernels/hopper/kernels.hpp"
#include "nn/kernels/hopper/launch.hpp"
#include "nn/kernels/hopper/ranges.cuh"

namespace cheri::nn::hopper {
namespace {

constexpr int threads = 256;

/// Of a slice: one thread adds four floats.
template <class Mlp>
__host__ __device__ constexpr int linear_blocks(const Mlp& mlp) {
  return mlp.part_floats() / 4 / threads;
}

template <class Mlp>
struct CombineArguments {
  Mlp mlp;
  float4* coefficients;   ///< per example: dconv = x * dz - y * conv - z
  SliceRange* ranges;     ///< null if the gradient is not scaled
  unsigned* published;    ///< [n_slices][Mlp::published]
  const float4* tile_sums;
  const float2* statistics;
  const float* conv_3C;
  LayerNorms norms, norms_below;   ///< the latter's pointers are null for the first block of the model
  const float* linear_parts;
  LayerGradients gradients;
  int length, slice_size, n_slices, sums_per_example;
  float residual_scale, power;   ///< residual_scale = fraction * power; W2 was packed times the fraction

  /// dz as the products made it, times this, is dz.
  __device__ float to_true(int slice) const { return ranges ? power / ranges[slice].scale : power; }
};

struct ExampleSums {
  float plain, weighted, largest;   ///< sum dz, sum dz z, max |term of dz| as stored
};

/// Of all tiles of an example, in every lane of the warp.
__device__ ExampleSums example_sums(const float4* sums, int n) {
  float plain = 0, weighted = 0;
  unsigned largest = 0;
  for (int i = threadIdx.x % 32; i < n; i += 32) {
    const float4 tile = sums[i];
    plain += tile.x;
    weighted += tile.y;
    largest = max(largest, magnitude_bits(tile.z));
  }
  return {warp_sum(plain), warp_sum(weighted), warp_largest(largest)};
}

/// Coefficients of one example, by one warp; returns a bound on |dconv|.
///
/// dconv = rstd (dz - mean(dz) - z mean(dz z)) with z = rstd (conv - mean). |z| <= sqrt(L C), as the squares of z add up to
/// no more than L C; |dz| is at most the largest of its terms times their number.
template <class Mlp>
__device__ float norm_coefficients(const CombineArguments<Mlp>& p, int example, float to_true, float dz_scale) {
  const ExampleSums sums =
      example_sums(p.tile_sums + static_cast<std::size_t>(example) * p.sums_per_example, p.sums_per_example);
  const float elements = static_cast<float>(p.length) * p.mlp.channels;
  const float mean_dz = sums.plain * to_true / elements, mean_dz_z = sums.weighted * to_true / elements;
  const float mean = p.statistics[example].x, rstd = p.statistics[example].y;
  const float of_conv = rstd * rstd * mean_dz_z;
  if (threadIdx.x % 32 == 0) {
    p.coefficients[example] = make_float4(rstd * (to_true / dz_scale), of_conv, fmaf(-mean, of_conv, rstd * mean_dz), 0);
  }
  return rstd *
         (Mlp::hidden_parts * sums.largest * (to_true / dz_scale) + fabsf(mean_dz) + sqrtf(elements) * fabsf(mean_dz_z));
}

/// max over c of |w0| + |w1| + |w2|, in every lane of the warp.
__device__ float largest_tap_norm(const float* conv_3C, int channels) {
  unsigned largest = 0;
  for (int c = threadIdx.x % 32; c < channels; c += 32) {
    largest =
        max(largest, magnitude_bits(fabsf(conv_3C[c]) + fabsf(conv_3C[channels + c]) + fabsf(conv_3C[2 * channels + c])));
  }
  return warp_largest(largest);
}

/// One block: the coefficients of a slice's examples and the scale of the copy of their dx; counters back to zero.
template <class Mlp>
__device__ void combine_slice(const CombineArguments<Mlp>& p, int slice) {
  __shared__ unsigned of_warp[threads / 32];
  const int warp = threadIdx.x / 32;
  const float to_true = p.to_true(slice), dz_scale = p.ranges ? packed_dz_scale(p.norms) : 1.f;
  if (static_cast<int>(threadIdx.x) < Mlp::published) p.published[slice * Mlp::published + threadIdx.x] = 0;
  unsigned bound_bits = 0;
  for (int i = warp; i < p.slice_size; i += threads / 32) {
    bound_bits = max(bound_bits, magnitude_bits(norm_coefficients(p, slice * p.slice_size + i, to_true, dz_scale)));
  }
  if (!p.ranges) return;
  if (threadIdx.x % 32 == 0) of_warp[warp] = bound_bits;
  __syncthreads();
  if (warp != 0) return;
  const float dconv_bound = warp_largest(threadIdx.x < threads / 32 ? of_warp[threadIdx.x] : 0u);
  SliceRange& range = p.ranges[slice];
  // |dx| <= |dout| + sum of |taps| |dconv|; the last factor is for rounding.
  const float dx_bound =
      1.01f * fmaf(largest_tap_norm(p.conv_3C, p.mlp.channels), dconv_bound, __uint_as_float(range.largest_bits));
  const float limit = p.norms_below.linear2 ? operand_limit(p.norms_below) : 1.f;
  if (threadIdx.x == 0) {
    range.next_scale = scale_for(dx_bound, limit);
    range.largest_bits = 0;
  }
}

/// Four floats of dW1 or dW2 of a slice: element `index` of a part, added over the parts in order.
template <class Mlp>
__device__ void add_linear_parts(const CombineArguments<Mlp>& p, int slice, int index) {
  const int channels = p.mlp.channels, half_hidden = p.mlp.hidden / Mlp::hidden_parts, parts = p.mlp.linear_parts;
  const int part_floats = p.mlp.part_floats(), half_floats = part_floats / Mlp::hidden_parts,
            matrix_floats = half_floats / 2;
  const float* from = p.linear_parts + static_cast<std::size_t>(slice) * parts * part_floats + index;
  float4 total = make_float4(0, 0, 0, 0);
#pragma unroll 8
  for (int part = 0; part < parts; ++part) {
    const float4 v = *reinterpret_cast<const float4*>(from + static_cast<std::size_t>(part) * part_floats);
    total = make_float4(total.x + v.x, total.y + v.y, total.z + v.z, total.w + v.w);
  }
  const int half = index / half_floats, within = index % matrix_floats;
  const bool is_linear1 = index % half_floats < matrix_floats;
  const float scale = p.ranges ? p.ranges[slice].scale : 1.f;
  const float factor = is_linear1 ? p.power / scale : p.residual_scale / scale;
  const int hidden_row = within / channels, channel_row = within / half_hidden;
  const std::int64_t at =
      is_linear1 ? p.gradients.offsets.linear1 + (half * half_hidden + hidden_row) * channels + within % channels
                 : p.gradients.offsets.linear2 + channel_row * p.mlp.hidden + half * half_hidden + within % half_hidden;
  float* const to = p.gradients.values + slice * p.gradients.row_stride + at;
  to[0] = factor * total.x, to[1] = factor * total.y, to[2] = factor * total.z, to[3] = factor * total.w;
}

template <class Mlp>
__global__ void __launch_bounds__(threads) combine_backward_kernel(const CombineArguments<Mlp> p) {
  const int blocks = linear_blocks(p.mlp);
  await_previous();
  const int block = static_cast<int>(blockIdx.x);
  if (block < p.n_slices) {
    combine_slice(p, block);
  } else {
    const int index = block - p.n_slices;
    add_linear_parts(p, index / blocks, 4 * (index % blocks * threads + static_cast<int>(threadIdx.x)));
  }
}

/// 32 warps stride the parts of a slice, each lane one column, and are added in order.
__global__ void __launch_bounds__(1024)
    combine_taps_kernel(const LayerGradients gradients, const float* conv_parts, int parts_per_slice_of_taps,
                        int conv_part_floats, SliceRange* ranges) {
  __shared__ float of_warp[32][33];
  const int column_blocks = conv_part_floats / 32;
  await_previous();
  const int slice = blockIdx.x / column_blocks, lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const int column = static_cast<int>(blockIdx.x) % column_blocks * 32 + lane;
  const float* const parts = conv_parts + static_cast<std::size_t>(slice) * parts_per_slice_of_taps * conv_part_floats;
  float total = 0;
#pragma unroll 4
  for (int part = warp; part < parts_per_slice_of_taps; part += 32) {
    total += parts[static_cast<std::size_t>(part) * conv_part_floats + column];
  }
  of_warp[warp][lane] = total;
  __syncthreads();
  if (warp != 0) return;
  total = 0;
  for (int i = 0; i < 32; ++i) total += of_warp[i][lane];
  gradients.values[slice * gradients.row_stride + gradients.offsets.conv + column] = total;
  if (ranges && column == 0) ranges[slice].scale = ranges[slice].next_scale;
}

}   // namespace

template <class Mode>
void combine_backward(cudaStream_t stream, const Problem& problem, const LayerGradients& gradients,
                      const float* statistics_N2, const float* conv_3C, const std::byte* packed_layer,
                      const std::byte* packed_below, const BackwardScratch& scratch) {
  for_mlp(problem.width, [&](auto mlp) {
    const CombineArguments<decltype(mlp)> arguments{mlp,
                                                    scratch.coefficients,
                                                    Format<Mode>::is_scaled ? scratch.ranges : nullptr,
                                                    scratch.published,
                                                    scratch.tile_sums,
                                                    reinterpret_cast<const float2*>(statistics_N2),
                                                    conv_3C,
                                                    norms_of(problem.width, packed_layer),
                                                    norms_of(problem.width, packed_below),
                                                    scratch.linear_parts,
                                                    gradients,
                                                    problem.length,
                                                    problem.slice_size,
                                                    problem.n_slices(),
                                                    sums_per_example(problem.width, problem.length),
                                                    problem.residual_scale,
                                                    split_scale(problem.residual_scale).power};
    launch("cheri::nn::hopper::combine_backward", stream, combine_backward_kernel<decltype(mlp)>,
           problem.n_slices() * (1 + linear_blocks(mlp)), threads, 0, arguments);
  });
}

template <class Mode>
void combine_taps(cudaStream_t stream, const Problem& problem, const LayerGradients& gradients,
                  const BackwardScratch& scratch) {
  const int conv_part_floats = 3 * problem.width.channels;
  launch("cheri::nn::hopper::combine_taps", stream, combine_taps_kernel, problem.n_slices() * (conv_part_floats / 32), 1024,
         0, gradients, scratch.conv_parts, problem.slice_size * conv_parts(problem), conv_part_floats,
         Format<Mode>::is_scaled ? scratch.ranges : nullptr);
}

#define CHERI_COMBINE(Mode)                                                                                             \
  template void combine_backward<Mode>(cudaStream_t, const Problem&, const LayerGradients&, const float*, const float*, \
                                       const std::byte*, const std::byte*, const BackwardScratch&);                     \
  template void combine_taps<Mode>(cudaStream_t, const Problem&, const LayerGradients&, const BackwardScratch&);
CHERI_COMBINE(Tf32Class)
CHERI_COMBINE(Bf16)
#undef CHERI_COMBINE

}   // namespace cheri::nn::hopper
