#include "nn/kernels/hopper/controls.hpp"

namespace cheri::nn::hopper {
namespace {

constexpr int taps = 75, reach = taps / 2;
constexpr int threads = 256;
constexpr int chunk = 256;                 ///< logits of a block, or of a step of the weights' gradient
constexpr int window = chunk + taps - 1;   ///< positions that they see
constexpr int runs = 4;                    ///< of a chunk, that share the taps of the weights' gradient
constexpr int gradient_threads = 320;      ///< runs * taps, in whole warps
static_assert(runs * taps <= gradient_threads);

/// control(n, j, first + i) for i < window, zeros outside the example.
__device__ void stage(float* shared, const float* control, int length, int first) {
  for (int i = static_cast<int>(threadIdx.x); i < window; i += static_cast<int>(blockDim.x)) {
    const int l = first + i;
    shared[i] = l >= 0 && l < length ? control[l] : 0.f;
  }
}

/// One block: `chunk` logits of all tracks of an example.
__global__ void __launch_bounds__(threads)
    controls_logits_kernel(float* logits_NTW, const float* control_NKL, const float* profile_weight, HeadShape n) {
  __shared__ float control[window], weights[taps];
  const int example = static_cast<int>(blockIdx.y), begin = static_cast<int>(blockIdx.x) * chunk;
  const int thread = static_cast<int>(threadIdx.x), w = begin + thread;
  for (int t = 0; t < n.tracks; ++t) {
    float total = 0;
    for (int j = 0; j < n.controls; ++j) {
      const float* const of_control = control_NKL + (static_cast<std::int64_t>(example) * n.controls + j) * n.length;
      __syncthreads();
      stage(control, of_control, n.length, n.trimming() + begin - reach);
      if (thread < taps) {
        weights[thread] =
            profile_weight[(static_cast<std::int64_t>(t) * n.profile_inputs() + n.channels + j) * taps + thread];
      }
      __syncthreads();
#pragma unroll 15
      for (int k = 0; k < taps; ++k) total = fmaf(control[thread + k], weights[k], total);
    }
    if (w < n.window) logits_NTW[(static_cast<std::int64_t>(example) * n.tracks + t) * n.window + w] += total;
  }
}

/// One block: the scalar of an example, summed in double so that large counts keep small ones, and what it adds.
__global__ void __launch_bounds__(threads)
    controls_counts_kernel(float* log_counts_NG, float* log_control_N, const float* control_NKL, const float* count_weight,
                           HeadShape n) {
  __shared__ double sums[threads];
  const int example = static_cast<int>(blockIdx.x), thread = static_cast<int>(threadIdx.x);
  double total = 0;
  for (int j = 0; j < n.controls; ++j) {
    const float* const from = control_NKL + (static_cast<std::int64_t>(example) * n.controls + j) * n.length + n.trimming();
    for (int w = thread; w < n.window; w += threads) total += static_cast<double>(from[w]);
  }
  sums[thread] = total;
  for (int step = threads / 2; step > 0; step /= 2) {
    __syncthreads();
    if (thread < step) sums[thread] += sums[thread + step];
  }
  __syncthreads();
  const auto log_control = static_cast<float>(log1p(sums[0]));
  if (thread == 0) log_control_N[example] = log_control;
  for (int g = thread; g < n.groups; g += threads) {
    log_counts_NG[example * n.groups + g] += count_weight[g * n.count_inputs() + n.channels] * log_control;
  }
}

/// One block: the 75 taps of one control and track, over a slice; or in the last one of a slice the groups' weights.
__global__ void __launch_bounds__(gradient_threads)
    controls_gradient_kernel(SliceGradients gradient, HeadOffsets offsets, const float* dlogits_NTW,
                             const float* dlog_counts_NG, const float* control_NKL, const float* log_control_N,
                             HeadShape n) {
  __shared__ float control[window], d[chunk], of_run[runs][taps];
  const int slice = static_cast<int>(blockIdx.y), thread = static_cast<int>(threadIdx.x);
  const int t = static_cast<int>(blockIdx.x) / n.controls, j = static_cast<int>(blockIdx.x) % n.controls;
  const int first_example = slice * gradient.slice_size;
  float* const to = gradient.values + slice * gradient.stride;
  if (t == n.tracks) {
    if (thread >= n.groups) return;
    float total = 0;
    for (int i = first_example; i < first_example + gradient.slice_size; ++i) {
      total = fmaf(dlog_counts_NG[i * n.groups + thread], log_control_N[i], total);
    }
    to[offsets.count_weight + thread * n.count_inputs() + n.channels] = total;
    return;
  }
  const int k = thread % taps, run = thread / taps;
  float total = 0;
  for (int i = first_example; i < first_example + gradient.slice_size; ++i) {
    const float* const of_control = control_NKL + (static_cast<std::int64_t>(i) * n.controls + j) * n.length;
    const float* const of_logits = dlogits_NTW + (static_cast<std::int64_t>(i) * n.tracks + t) * n.window;
    for (int begin = 0; begin < n.window; begin += chunk) {
      __syncthreads();
      stage(control, of_control, n.length, n.trimming() + begin - reach);
      if (thread < chunk) d[thread] = begin + thread < n.window ? of_logits[begin + thread] : 0.f;
      __syncthreads();
      if (run >= runs) continue;
#pragma unroll 8
      for (int w = run * (chunk / runs); w < (run + 1) * (chunk / runs); ++w) total = fmaf(d[w], control[w + k], total);
    }
  }
  if (run < runs) of_run[run][k] = total;
  __syncthreads();
  if (thread >= taps) return;
  to[offsets.profile_weight + (static_cast<std::int64_t>(t) * n.profile_inputs() + n.channels + j) * taps + thread] =
      (of_run[0][thread] + of_run[1][thread]) + (of_run[2][thread] + of_run[3][thread]);
}

}   // namespace

void controls_forward(cudaStream_t stream, float* logits_NTW, float* log_counts_NG, float* log_control_N,
                      const float* control_NKL, const float* profile_weight, const float* count_weight, const HeadShape& n) {
  const auto examples = static_cast<unsigned>(n.examples);
  launch_in_order("cheri::nn::hopper::controls_forward::logits", stream, controls_logits_kernel,
                  dim3(static_cast<unsigned>(ceil_div(n.window, chunk)), examples), threads, 0, logits_NTW, control_NKL,
                  profile_weight, n);
  launch_in_order("cheri::nn::hopper::controls_forward::counts", stream, controls_counts_kernel, dim3(examples), threads, 0,
                  log_counts_NG, log_control_N, control_NKL, count_weight, n);
}

void controls_backward(cudaStream_t stream, const SliceGradients& gradient, const HeadOffsets& offsets,
                       const float* dlogits_NTW, const float* dlog_counts_NG, const float* control_NKL,
                       const float* log_control_N, const HeadShape& n) {
  // Groups are no more than tracks, and tracks no more than the block's threads.
  const dim3 grid(static_cast<unsigned>(n.tracks * n.controls + 1), static_cast<unsigned>(gradient.n_slices(n.examples)));
  launch_in_order("cheri::nn::hopper::controls_backward", stream, controls_gradient_kernel, grid, gradient_threads, 0,
                  gradient, offsets, dlogits_NTW, dlog_counts_NG, control_NKL, log_control_N, n);
}

}   // namespace cheri::nn::hopper
