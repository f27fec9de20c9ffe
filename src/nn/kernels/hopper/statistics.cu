// Mean and 1/sqrt(var + eps) of the dilated convolution, per example, in one launch: blocks walk chains and leave (count,
// mean, sum of squared deviations); the last block of an example, found by an integer counter, merges them in index order.
//
// A large mean must not cancel the variance away: a thread sums deviations from its first value, and its moments are then
// merged around common means (Chan, Golub, LeVeque 1979).
#include "nn/kernels/hopper/chains.cuh"
#include "nn/kernels/hopper/device.cuh"
#include "nn/kernels/hopper/formats.cuh"
#include "nn/kernels/hopper/kernels.hpp"

namespace cheri::nn::hopper {
namespace {

constexpr float norm_epsilon = 1e-3f;
constexpr int threads = 256;
/// Rows of a segment. 16 take an eighth longer, as registers then leave room for fewer blocks (H200, N 64, L 2114, fp32).
constexpr int steps = 8;
/// That a group walks, one after the other. 1 takes an eighth longer, as more blocks have moments to merge, 8 no less.
constexpr int segments = 4;

/// Blocks a multiprocessor, such that next to nothing spills.
template <class Activation>
constexpr int resident_blocks = sizeof(Activation) == 4 ? 3 : 4;

struct Moments {
  float count, mean, squares;   ///< squares: sum of squared deviations from the mean
};

__device__ Moments merged(const Moments& a, const Moments& b) {
  const float count = a.count + b.count;
  if (count == 0) return a;
  const float delta = b.mean - a.mean;
  return {count, a.mean + delta * (b.count / count), a.squares + b.squares + delta * delta * (a.count * b.count / count)};
}

/// The sum over the block, in every thread.
__device__ float block_sum(float value) {
  __shared__ float of_warp[threads / 32];
  value = warp_sum(value);
  __syncthreads();
  if (threadIdx.x % 32 == 0) of_warp[threadIdx.x / 32] = value;
  __syncthreads();
  float total = 0;
#pragma unroll
  for (int i = 0; i < threads / 32; ++i) total += of_warp[i];
  return total;
}

/// Moments of the block's values from those of its threads: first the common mean, then the deviations from it.
__device__ Moments block_moments(const Moments& mine) {
  const float count = block_sum(mine.count);
  const float mean = count > 0 ? block_sum(mine.count * mine.mean) / count : block_sum(0.f);
  const float delta = mine.mean - mean;
  return {count, mean, block_sum(fmaf(mine.count * delta, delta, mine.squares))};
}

/// Sums of a thread's values, relative to the first.
struct ShiftedSums {
  float shift = 0, sum = 0, squares = 0;
  int count = 0;

  __device__ __forceinline__ void add(float value) {
    const float deviation = value - shift;
    sum += deviation;
    squares = fmaf(deviation, deviation, squares);
  }
  __device__ Moments moments() const {
    if (count == 0) return {0, 0, 0};
    const float n = static_cast<float>(count);
    return {n, shift + sum / n, squares - sum * (sum / n)};
  }
};

/// Adds the convolution at the rows of one segment, for this lane's channels.
template <class Activation, int n>
__device__ __forceinline__ void add_segment(ShiftedSums& sums, const Activation* x, const Chains& walk, int item, int length,
                                            int channels, const float (&w)[3][n]) {
  const int first = item % walk.chains + (item / walk.chains) * steps * walk.dilation;
  Run<Activation, n> rows[steps + 2];
#pragma unroll
  for (int k = 0; k < steps + 2; ++k) {
    const int l = first + (k - 1) * walk.dilation;
    rows[k] = load_run_if<n>(l >= 0 && l < length, x + static_cast<std::ptrdiff_t>(l) * channels);
  }
  const auto convolution = [&](int k, int i) {
    return fmaf(w[0][i], rows[k][i], fmaf(w[1][i], rows[k + 1][i], w[2][i] * rows[k + 2][i]));
  };
  if (sums.count == 0) sums.shift = convolution(0, 0);
#pragma unroll
  for (int k = 0; k < steps; ++k) {
    if (first + k * walk.dilation >= length) continue;
    sums.count += n;
#pragma unroll
    for (int i = 0; i < n; ++i) sums.add(convolution(k, i));
  }
}

/// Writes the block's moments; true in the last block of the example to do so.
__device__ bool leave_moments(const Moments& block, float4* moments, unsigned* finished, int index, int n_blocks) {
  __shared__ bool is_last;
  if (threadIdx.x == 0) {
    moments[index] = make_float4(block.count, block.mean, block.squares, 0);
    __threadfence();
    is_last = atomicAdd(finished, 1u) == static_cast<unsigned>(n_blocks - 1);
  }
  __syncthreads();
  return is_last;
}

/// One warp, in an order that depends on n_blocks alone.
__device__ Moments merge_blocks(const float4* moments, int n_blocks) {
  Moments total{0, 0, 0};
  for (int i = threadIdx.x; i < n_blocks; i += 32) {
    const float4 part = __ldcg(&moments[i]);
    total = merged(total, {part.x, part.y, part.z});
  }
#pragma unroll
  for (int step = 16; step > 0; step /= 2) {
    total = merged(total, {__shfl_down_sync(~0u, total.count, step), __shfl_down_sync(~0u, total.mean, step),
                           __shfl_down_sync(~0u, total.squares, step)});
  }
  return total;
}

template <class Activation, class Mlp>
__global__ void __launch_bounds__(threads, resident_blocks<Activation>)
    statistics_kernel(float2* statistics_N, const Activation* __restrict__ x_NLC, const float* __restrict__ conv_3C,
                      int length, const Mlp mlp, const Chains walk, int n_blocks, float4* moments, unsigned* finished) {
  constexpr int n = lane_channels;
  const int channels = mlp.channels, lanes = channels / n, groups = groups_of_block(threads, channels);
  await_previous();
  // The last examples first: their rows were written last, and are still in the second-level cache.
  const int example = (gridDim.x - 1 - blockIdx.x) / n_blocks, block = blockIdx.x % n_blocks;
  const int c = static_cast<int>(threadIdx.x) % lanes * n;
  float w[3][n];
#pragma unroll
  for (int i = 0; i < n; ++i) {
    w[0][i] = conv_3C[c + i], w[1][i] = conv_3C[channels + c + i], w[2][i] = conv_3C[2 * channels + c + i];
  }

  ShiftedSums sums;
  const Activation* const x = x_NLC + static_cast<std::size_t>(example) * length * channels + c;
  const int in_block = static_cast<int>(threadIdx.x) / lanes, group = block * groups + in_block;
  const int end = in_block < groups ? min(walk.items, (group + 1) * walk.items_per_group) : 0;
#pragma unroll 1
  for (int item = group * walk.items_per_group; item < end; ++item) {
    add_segment(sums, x, walk, item, length, channels, w);
  }

  float4* const of_example = moments + static_cast<std::size_t>(example) * n_blocks;
  const Moments mine = block_moments(sums.moments());
  if (!leave_moments(mine, of_example, &finished[example], block, n_blocks) || threadIdx.x >= 32) return;
  __threadfence();
  const Moments all = merge_blocks(of_example, n_blocks);
  if (threadIdx.x == 0) {
    statistics_N[example] = make_float2(all.mean, rsqrtf(all.squares / all.count + norm_epsilon));
    finished[example] = 0;
  }
}

}   // namespace

std::size_t most_moments(int length, int channels) {
  return static_cast<std::size_t>(ceil_div(most_groups(length, steps), groups_of_block(threads, channels)));
}

template <class Mode>
void convolution_statistics(cudaStream_t stream, const Problem& problem, float* statistics_N2,
                            const typename Mode::Activation* x_NLC, const float* conv_3C, const ForwardScratch& scratch) {
  using Activation = typename Mode::Activation;
  const Chains walk = chains_of(problem.length, problem.dilation, steps, segments);
  const int n_blocks = ceil_div(walk.groups(), groups_of_block(threads, problem.width.channels));
  for_mlp(problem.width, [&](auto mlp) {
    launch("cheri::nn::hopper::convolution_statistics", stream, statistics_kernel<Activation, decltype(mlp)>,
           problem.examples * n_blocks, threads, 0, reinterpret_cast<float2*>(statistics_N2), x_NLC, conv_3C, problem.length,
           mlp, walk, n_blocks, scratch.moments, scratch.finished_blocks);
  });
}

template void convolution_statistics<Tf32Class>(cudaStream_t, const Problem&, float*, const float*, const float*,
                                                const ForwardScratch&);
template void convolution_statistics<Bf16>(cudaStream_t, const Problem&, float*, const __nv_bfloat16*, const float*,
                                           const ForwardScratch&);

}   // namespace cheri::nn::hopper
