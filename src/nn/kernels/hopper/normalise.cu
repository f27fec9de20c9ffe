// z = norm(conv(x)) in 16 bit, for the products of the wide MLP.
#include "nn/kernels/hopper/chains.cuh"
#include "nn/kernels/hopper/device.cuh"
#include "nn/kernels/hopper/formats.cuh"
#include "nn/kernels/hopper/wide.hpp"

namespace cheri::nn::hopper {
namespace {

constexpr int threads = 256;
constexpr int run = 8;            ///< channels of a thread
constexpr int rows_at_once = 4;   ///< whose loads are in flight together

struct Arguments {
  const float2* statistics_N;
  const float* conv_3C;
  int length, channels, dilation, blocks_per_example;
};

/// A block takes neighbouring rows of one example.
template <class Activation, class Operand>
__global__ void __launch_bounds__(threads)
    normalise_kernel(Operand* __restrict__ z_NLC, const Activation* __restrict__ x_NLC, const Arguments p) {
  await_previous();
  const int lanes = p.channels / run, rows_in_block = threads / lanes, in_block = static_cast<int>(threadIdx.x) / lanes;
  if (in_block >= rows_in_block) return;
  const int example = static_cast<int>(blockIdx.x) / p.blocks_per_example;
  const int first = static_cast<int>(blockIdx.x) % p.blocks_per_example * rows_at_once * rows_in_block + in_block;
  const int c = static_cast<int>(threadIdx.x) % lanes * run;
  const std::int64_t example_at = static_cast<std::int64_t>(example) * p.length * p.channels + c;
  const Activation* const x = x_NLC + example_at;
  const auto at = [&](int row) { return static_cast<std::int64_t>(row) * p.channels; };
  Run<Activation, run> previous[rows_at_once], centre[rows_at_once], next[rows_at_once];
#pragma unroll
  for (int i = 0; i < rows_at_once; ++i) {
    const int l = first + i * rows_in_block;
    centre[i] = load_run_if<run>(l < p.length, x + at(l));
    previous[i] = load_run_if<run>(l < p.length && l >= p.dilation, x + at(l - p.dilation));
    next[i] = load_run_if<run>(l + p.dilation < p.length, x + at(l + p.dilation));
  }
  float w[3][run];   // the flat buffer is not aligned
#pragma unroll
  for (int i = 0; i < 3 * run; ++i) w[i / run][i % run] = p.conv_3C[i / run * p.channels + c + i % run];
  const float2 statistics = p.statistics_N[example];
  const float scale = statistics.y, shift = -statistics.x * statistics.y;
#pragma unroll
  for (int i = 0; i < rows_at_once; ++i) {
    const int l = first + i * rows_in_block;
    if (l >= p.length) return;
    float z[run];
#pragma unroll
    for (int j = 0; j < run; ++j) {
      const float conv = fmaf(w[0][j], previous[i][j], fmaf(w[1][j], centre[i][j], w[2][j] * next[i][j]));
      z[j] = fmaf(conv, scale, shift);
    }
    store_run(z_NLC + example_at + at(l), z);
  }
}

}   // namespace

template <class Mode>
void normalise(cudaStream_t stream, const Problem& problem, std::uint16_t* z_NLC, const typename Mode::Activation* x_NLC,
               const float* statistics_N2, const float* conv_3C) {
  using Operand = typename Format<Mode>::Operand;
  const int rows_of_block = rows_at_once * (threads / (problem.width.channels / run));
  const Arguments arguments{reinterpret_cast<const float2*>(statistics_N2),
                            conv_3C,
                            problem.length,
                            problem.width.channels,
                            std::min(problem.dilation, problem.length),
                            ceil_div(problem.length, rows_of_block)};
  launch("cheri::nn::hopper::normalise", stream, normalise_kernel<typename Mode::Activation, Operand>,
         problem.examples * arguments.blocks_per_example, threads, 0, reinterpret_cast<Operand*>(z_NLC), x_NLC, arguments);
}

template void normalise<Tf32Class>(cudaStream_t, const Problem&, std::uint16_t*, const float*, const float*, const float*);
template void normalise<Bf16>(cudaStream_t, const Problem&, std::uint16_t*, const __nv_bfloat16*, const float*,
                              const float*);

}   // namespace cheri::nn::hopper
