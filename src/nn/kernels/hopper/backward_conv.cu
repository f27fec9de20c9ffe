// From dz to dx: dconv = rstd (dz - mean(dz) - z mean(dz z)), dx = dout + the transposed convolution of dconv, and the
// gradient of the taps, in one walk along the chains (chains.cuh): every row of x, dz and dout is loaded once.
//
// Step k of a walk makes dconv of row k of the chain from dz(k) and x(k-1), x(k), x(k+1), and then dx of row k-1, whose
// dconv(k-2) and dconv(k-1) are still in registers. A segment begins two steps early and ends one late.
#include "nn/kernels/hopper/chains.cuh"
#include "nn/kernels/hopper/device.cuh"
#include "nn/kernels/hopper/formats.cuh"
#include "nn/kernels/hopper/kernels.hpp"
#include "nn/kernels/hopper/ranges.cuh"

#include <type_traits>

namespace cheri::nn::hopper {
namespace {

constexpr int threads = 256;
constexpr int steps = 16;
constexpr int batch = 5;   ///< rows whose loads are in flight together: a segment's 18 take four turns, and none spills

template <class Mode, class Mlp>
struct Arguments {
  using Activation = typename Mode::Activation;
  Mlp mlp;
  Activation* gradient;   ///< dout, then dx
  __half* copy;           ///< scaled dx, or null
  const Activation* x;
  const typename Format<Mode>::Operand* dz;
  const float* conv_3C;
  const float4* coefficients;
  SliceRange* ranges;
  float* conv_parts;
  Chains walk;
  int length, n_blocks, slice_size;
};

using Channels = float[lane_channels];

/// A lane's part of one example, and what it gathers.
template <class Mode>
struct Lane {
  using Activation = typename Mode::Activation;
  using Dz = typename Format<Mode>::Operand;
  Activation* gradient;
  __half* copy;
  const Activation* x;
  const Dz* dz;
  float scale;
  float of_dz, of_conv, constant;   ///< dconv = of_dz dz - of_conv conv - constant
  Channels w0, w1, w2;
  Channels d_w0 = {}, d_w1 = {}, d_w2 = {};
  float largest = 0;   ///< max |dx|

  template <class Mlp>
  __device__ __forceinline__ Lane(const Arguments<Mode, Mlp>& p, int example) {
    const int channels = p.mlp.channels, c = static_cast<int>(threadIdx.x) % (channels / lane_channels) * lane_channels;
    const std::size_t begin = static_cast<std::size_t>(example) * p.length * channels + c;
    gradient = p.gradient + begin;
    copy = p.copy + begin;
    x = p.x + begin;
    dz = p.dz + begin;
    if constexpr (Format<Mode>::is_scaled) scale = p.ranges[example / p.slice_size].next_scale;
    const float4 coefficients = p.coefficients[example];
    of_dz = coefficients.x, of_conv = coefficients.y, constant = coefficients.z;
#pragma unroll
    for (int i = 0; i < lane_channels; ++i) {
      w0[i] = p.conv_3C[c + i], w1[i] = p.conv_3C[channels + c + i], w2[i] = p.conv_3C[2 * channels + c + i];
    }
  }

  __device__ __forceinline__ void write(int at, const Channels& dx, bool with_copy) {
    store_run(gradient + at, dx);
    if constexpr (Format<Mode>::is_scaled) {
      Channels scaled;
#pragma unroll
      for (int i = 0; i < lane_channels; ++i) {
        largest = fmaxf(largest, fabsf(dx[i]));
        scaled[i] = scale * dx[i];
      }
      if (with_copy) store_run(copy + at, scaled);
    }
  }
};

/// One segment. is_inside: it lies in the example with all its neighbours, so that no row need be checked.
template <bool is_inside, class Mode, class Mlp>
__device__ __forceinline__ void walk_segment(Lane<Mode>& lane, const Arguments<Mode, Mlp>& p, int item) {
  using Activation = typename Mode::Activation;
  using Dz = typename Format<Mode>::Operand;
  constexpr int n = lane_channels;
  const int channels = p.mlp.channels, d = p.walk.dilation, row_step = d * channels;
  const auto inside = [&](int row) { return is_inside || (row >= 0 && row < p.length); };
  const auto load_x = [&](int row, int at, bool wanted) {
    return load_run_if<n>(wanted && inside(row), lane.x + static_cast<std::ptrdiff_t>(at));
  };
  const bool with_copy = Format<Mode>::is_scaled && p.copy != nullptr;

  int row = item % p.walk.chains + (item / p.walk.chains * steps - 1) * d;   // of step -1
  int at = row * channels;
  Channels x_before, x_here, dconv_2 = {}, dconv_1 = {};   // x(k-1), x(k); dconv(k-2), dconv(k-1)
  {
    const auto before = load_x(row - d, at - row_step, true), here = load_x(row, at, true);
#pragma unroll
    for (int i = 0; i < n; ++i) x_before[i] = before[i], x_here[i] = here[i];
  }
#pragma unroll 1
  for (int first = -1; first <= steps; first += batch) {
    if (!is_inside && row - d >= p.length) break;
    Run<Activation, n> x_after[batch], dout[batch];
    Run<Dz, n> dz[batch];
#pragma unroll
    for (int u = 0; u < batch; ++u) {
      const int r = row + u * d, o = at + u * row_step;
      const bool wanted = first + u <= steps, finishes = wanted && first + u >= 1;
      x_after[u] = load_x(r + d, o + row_step, wanted);
      dz[u] = load_run_if<n>(wanted && inside(r), lane.dz + static_cast<std::ptrdiff_t>(o));
      dout[u] = load_run_if<n>(finishes && inside(r - d), lane.gradient + static_cast<std::ptrdiff_t>(o - row_step));
    }
#pragma unroll
    for (int u = 0; u < batch; ++u) {
      const int r = row + u * d;
      const bool owned = first + u >= 0 && first + u < steps && (is_inside || r < p.length);
      Channels dx;
#pragma unroll
      for (int i = 0; i < n; ++i) {
        const float next = x_after[u][i];
        const float conv = fmaf(lane.w0[i], x_before[i], fmaf(lane.w1[i], x_here[i], lane.w2[i] * next));
        float dconv = fmaf(-lane.of_conv, conv, fmaf(lane.of_dz, dz[u][i], -lane.constant));
        if (!inside(r)) dconv = 0;
        const float own = owned ? dconv : 0.f;
        lane.d_w0[i] = fmaf(own, x_before[i], lane.d_w0[i]);
        lane.d_w1[i] = fmaf(own, x_here[i], lane.d_w1[i]);
        lane.d_w2[i] = fmaf(own, next, lane.d_w2[i]);
        dx[i] = dout[u][i] + fmaf(dconv_1[i], lane.w1[i], fmaf(dconv, lane.w0[i], dconv_2[i] * lane.w2[i]));
        dconv_2[i] = dconv_1[i], dconv_1[i] = dconv;
        x_before[i] = x_here[i], x_here[i] = next;
      }
      const bool finishes = first + u >= 1 && first + u <= steps && inside(r - d);
      if (finishes) lane.write(at + (u - 1) * row_step, dx, with_copy);
    }
    row += batch * d;
    at += batch * row_step;
  }
}

/// The taps' gradients of the block, groups added in order, and the slice's largest dx.
template <class Mode, class Mlp>
__device__ __forceinline__ void leave_sums(const Lane<Mode>& lane, const Arguments<Mode, Mlp>& p, int example) {
  __shared__ __align__(16) float of_groups[3 * threads * lane_channels];
  const int channels = p.mlp.channels, lanes = channels / lane_channels, groups = groups_of_block(threads, channels);
  const int group = static_cast<int>(threadIdx.x) / lanes, c = static_cast<int>(threadIdx.x) % lanes * lane_channels;
  if (group < groups) {
    float* const mine = of_groups + group * 3 * channels + c;
    store_run(mine, lane.d_w0);
    store_run(mine + channels, lane.d_w1);
    store_run(mine + 2 * channels, lane.d_w2);
  }
  __shared__ unsigned largest_bits;
  if (threadIdx.x == 0) largest_bits = 0;
  __syncthreads();
  if constexpr (Format<Mode>::is_scaled) {
    const unsigned of_warp = __reduce_max_sync(~0u, __float_as_uint(lane.largest));
    if (threadIdx.x % 32 == 0) atomicMax(&largest_bits, of_warp);
    __syncthreads();
    if (threadIdx.x == 0) atomicMax(&p.ranges[example / p.slice_size].largest_bits, largest_bits);
  }
  for (int i = threadIdx.x; i < 3 * channels; i += threads) {
    float total = 0;
#pragma unroll 8
    for (int g = 0; g < groups; ++g) total += of_groups[g * 3 * channels + i];
    p.conv_parts[static_cast<std::size_t>(blockIdx.x) * 3 * channels + i] = total;
  }
}

template <class Mode, class Mlp>
__global__ void __launch_bounds__(threads, 2) backward_conv_kernel(const Arguments<Mode, Mlp> p) {
  const int lanes = p.mlp.channels / lane_channels, groups = groups_of_block(threads, p.mlp.channels);
  await_previous();
  const int example = blockIdx.x / p.n_blocks, block = blockIdx.x % p.n_blocks;
  Lane<Mode> lane(p, example);
  const int in_block = static_cast<int>(threadIdx.x) / lanes, group = block * groups + in_block;
  const int end = in_block < groups ? min(p.walk.items, (group + 1) * p.walk.items_per_group) : 0;
#pragma unroll 1
  for (int item = group * p.walk.items_per_group; item < end; ++item) {
    const int first = item % p.walk.chains + item / p.walk.chains * steps * p.walk.dilation;
    const bool is_inside = first - 2 * p.walk.dilation >= 0 && first + (steps + 1) * p.walk.dilation < p.length;
    if (is_inside) {
      walk_segment<true>(lane, p, item);
    } else {
      walk_segment<false>(lane, p, item);
    }
  }
  leave_sums(lane, p, example);
}

}   // namespace

std::size_t most_conv_parts(int length, int channels) {
  return static_cast<std::size_t>(ceil_div(most_groups(length, steps), groups_of_block(threads, channels)));
}

int conv_parts(const Problem& problem) {
  return ceil_div(chains_of(problem.length, problem.dilation, steps).groups(),
                  groups_of_block(threads, problem.width.channels));
}

template <class Mode>
void backward_convolution(cudaStream_t stream, const Problem& problem, typename Mode::Activation* gradient_NLC,
                          const typename Mode::Activation* x_NLC, const float* conv_3C, bool write_copy,
                          const BackwardScratch& scratch) {
  using Dz = typename Format<Mode>::Operand;
  for_mlp(problem.width, [&](auto mlp) {
    const Arguments<Mode, decltype(mlp)> arguments{mlp,
                                                   gradient_NLC,
                                                   write_copy ? reinterpret_cast<__half*>(scratch.scaled) : nullptr,
                                                   x_NLC,
                                                   reinterpret_cast<const Dz*>(scratch.dz),
                                                   conv_3C,
                                                   scratch.coefficients,
                                                   scratch.ranges,
                                                   scratch.conv_parts,
                                                   chains_of(problem.length, problem.dilation, steps),
                                                   problem.length,
                                                   conv_parts(problem),
                                                   problem.slice_size};
    launch("cheri::nn::hopper::backward_convolution", stream, backward_conv_kernel<Mode, decltype(mlp)>,
           problem.examples * arguments.n_blocks, threads, 0, arguments);
  });
}

#define CHERI_BACKWARD_CONVOLUTION(Mode)                                                                             \
  template void backward_convolution<Mode>(cudaStream_t, const Problem&, Mode::Activation*, const Mode::Activation*, \
                                           const float*, bool, const BackwardScratch&);
CHERI_BACKWARD_CONVOLUTION(Tf32Class)
CHERI_BACKWARD_CONVOLUTION(Bf16)
#undef CHERI_BACKWARD_CONVOLUTION

}   // namespace cheri::nn::hopper
