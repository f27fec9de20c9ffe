// begin_backward: the largest magnitude of the heads' gradient in each slice, then its scaled fp16 copy.
#include "nn/kernels/hopper/ranges.cuh"

#include "nn/kernels/hopper/formats.cuh"
#include "nn/kernels/hopper/launch.hpp"

namespace cheri::nn::hopper {
namespace {

constexpr int threads = 256;
constexpr int blocks_per_slice = 64;

__global__ void __launch_bounds__(threads)
    slice_largest_kernel(SliceRange* ranges, const float* gradient, std::int64_t size) {
  await_previous();
  const int slice = blockIdx.x / blocks_per_slice;
  const float* const of_slice = gradient + slice * size;
  unsigned largest = 0;
  for (std::int64_t i = 8 * (blockIdx.x % blocks_per_slice * threads + threadIdx.x); i < size;
       i += 8 * blocks_per_slice * threads) {
    const auto values = load_run<8>(of_slice + i);
#pragma unroll
    for (int j = 0; j < 8; ++j) largest = max(largest, magnitude_bits(values[j]));
  }
  largest = __reduce_max_sync(~0u, largest);
  if (threadIdx.x % 32 == 0) atomicMax(&ranges[slice].largest_bits, largest);   // an integer maximum: any order will do
}

__global__ void __launch_bounds__(threads) scaled_copy_kernel(SliceRange* ranges, __half* scaled, const float* gradient,
                                                              std::int64_t size, const LayerNorms norms) {
  await_previous();
  const int slice = blockIdx.x / blocks_per_slice, block = blockIdx.x % blocks_per_slice;
  const float scale = scale_for(__uint_as_float(ranges[slice].largest_bits), operand_limit(norms));
  if (block == 0 && threadIdx.x == 0) ranges[slice].scale = scale;
  const std::int64_t begin = slice * size;
  for (std::int64_t i = 8 * (block * threads + threadIdx.x); i < size; i += 8 * blocks_per_slice * threads) {
    const auto values = load_run<8>(gradient + begin + i);
    float run[8];
#pragma unroll
    for (int j = 0; j < 8; ++j) run[j] = scale * values[j];
    store_run(scaled + begin + i, run);
  }
}

}   // namespace

template <>
void begin_backward<Bf16>(cudaStream_t, const Problem&, const __nv_bfloat16*, const std::byte*, const BackwardScratch&) {}

template <>
void begin_backward<Tf32Class>(cudaStream_t stream, const Problem& problem, const float* gradient_NLC,
                               const std::byte* packed_layer, const BackwardScratch& scratch) {
  const std::int64_t size = static_cast<std::int64_t>(problem.slice_size) * problem.length * problem.width.channels;
  const int n_blocks = problem.n_slices() * blocks_per_slice;
  require_success(
      cudaMemsetAsync(scratch.ranges, 0, sizeof(SliceRange) * static_cast<std::size_t>(problem.n_slices()), stream),
      "cheri::nn::hopper::begin_backward");
  launch("cheri::nn::hopper::begin_backward::largest", stream, slice_largest_kernel, n_blocks, threads, 0, scratch.ranges,
         gradient_NLC, size);
  launch("cheri::nn::hopper::begin_backward::copy", stream, scaled_copy_kernel, n_blocks, threads, 0, scratch.ranges,
         reinterpret_cast<__half*>(scratch.scaled), gradient_NLC, size, norms_of(problem.width, packed_layer));
}

}   // namespace cheri::nn::hopper
