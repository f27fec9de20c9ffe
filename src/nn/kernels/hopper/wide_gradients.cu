// The weight gradients of the wide MLP: dW1 = dh^T z and dW2 = dout^T a, summed over the rows of a part of a gradient slice.
//
// A block makes 128 x 128 numbers of one matrix for one part: a run of tiles of 64 rows, the same whatever the GPU and the
// number of slices in the call. Both operands are stored with their rows along the inner dimension.
#include "nn/kernels/hopper/device.cuh"
#include "nn/kernels/hopper/tensor_map.hpp"
#include "nn/kernels/hopper/wide.hpp"
#include "nn/kernels/hopper/wide_ring.cuh"

#include <algorithm>

namespace cheri::nn::hopper {

/// So many parts that the blocks of eight slices fill a GPU.
AnyMlp any_mlp(const Width& width) {
  const int tiles = 2 * ceil_div(width.channels, wide_tile_columns) * ceil_div(width.hidden, wide_tile_columns);
  return {width.channels, width.hidden, std::clamp(16 / tiles, 1, 8)};
}

namespace {

constexpr int step_rows = 64;                  ///< of the inner dimension
constexpr int block_bytes = step_rows * 128;   ///< a column block
constexpr int operand_bytes = 2 * block_bytes;

/// One matrix: left^T right.
struct Matrix {
  CUtensorMap left, right;   ///< (N, L, rows) and (N, L, columns)
  int rows, columns;
  int tiles, column_tiles;
  std::int64_t offset;   ///< in a part
};

struct Arguments {
  Matrix matrices[2];
  float* parts;
  std::int64_t part_floats;
  int length, slice_size, parts_per_slice;
};

using Ring = WideRing<2 * operand_bytes>;

/// Tiles of 64 rows, counted over all examples.
struct Part {
  int first, count, tiles_per_example;
};

__device__ __forceinline__ Part part_at(const Arguments& p, int index) {
  const int slice = index / p.parts_per_slice, part = index % p.parts_per_slice;
  const int per_example = ceil_div(p.length, step_rows);
  const std::int64_t tiles = static_cast<std::int64_t>(p.slice_size) * per_example;
  const int begin = static_cast<int>(tiles * part / p.parts_per_slice),
            end = static_cast<int>(tiles * (part + 1) / p.parts_per_slice);
  return {static_cast<int>(slice * tiles) + begin, end - begin, per_example};
}

/// One thread: the rows of left and right, as soon as their stage is free; zeros beyond an example and beyond a matrix.
__device__ __forceinline__ void order_tiles(const Ring& ring, const Part& part, const Matrix& matrix, int row, int column) {
  int example = part.first / part.tiles_per_example, tile = part.first % part.tiles_per_example;
  for (int step = 0; step < part.count; ++step) {
    ring.begin_stage(step);
    const unsigned to = ring.stage(step), barrier = ring.full(step);
#pragma unroll
    for (int block = 0; block < 2; ++block) {
      box_copy(to + block * block_bytes, matrix.left, row + 64 * block, tile * step_rows, example, barrier);
      box_copy(to + operand_bytes + block * block_bytes, matrix.right, column + 64 * block, tile * step_rows, example,
               barrier);
    }
    if (++tile == part.tiles_per_example) tile = 0, ++example;
  }
}

template <class Operand>
__device__ __forceinline__ void multiply(float (&sums)[64], const Ring& ring, int steps, int v) {
#pragma unroll
  for (int i = 0; i < 64; ++i) sums[i] = 0;
  for (int step = 0; step < steps; ++step) {
    ring.await_stage(step);
    const std::uint64_t left = operand(ring.stage(step) + v * block_bytes, block_bytes);
    const std::uint64_t right = operand(ring.stage(step) + operand_bytes, block_bytes);
    pin(sums);
    products_begin();
#pragma unroll
    for (int k = 0; k < step_rows / 16; ++k) {
      Product<Operand>::template step<true, true>(sums, advanced(left, k * transposed_step),
                                                  advanced(right, k * transposed_step));
    }
    products_commit();
    products_wait<1>();
    if (step > 0) barrier_arrive(ring.empty(step - 1));
  }
  products_wait<0>();
  pin(sums);
}

template <class Operand>
__global__ void __launch_bounds__(wide_threads, 2) gradients_kernel(const __grid_constant__ Arguments p) {
  extern __shared__ __align__(1024) std::byte shared[];
  const Ring ring{shared_address(shared)};
  if (threadIdx.x == 0) ring.set_up();
  await_previous();
  __syncthreads();

  // Neighbouring blocks share the rows.
  const int tiles = p.matrices[0].tiles + p.matrices[1].tiles;
  const int of_part = static_cast<int>(blockIdx.x) % tiles, part_index = static_cast<int>(blockIdx.x) / tiles;
  const bool is_second = of_part >= p.matrices[0].tiles;
  const Matrix& matrix = p.matrices[is_second];
  const int tile = is_second ? of_part - p.matrices[0].tiles : of_part;
  const int row = tile / matrix.column_tiles * 128, column = tile % matrix.column_tiles * 128;
  const Part part = part_at(p, part_index);
  const int v = warpgroup_index();
  if (v == wide_consumers / 128) {
    if (threadIdx.x % 32 == 0) order_tiles(ring, part, matrix, row, column);
    return;
  }
  float sums[64];
  multiply<Operand>(sums, ring, part.count, v);
  float* const out = p.parts + part_index * p.part_floats + matrix.offset;
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
#pragma unroll
  for (int i = 0; i < 2; ++i) {
    const int r = row + 16 * warp + lane / 4 + 8 * i;
    if (r >= matrix.rows) continue;
#pragma unroll
    for (int j = 0; j < 16; ++j) {
      const int c = column + 8 * j + lane % 4 * 2;
      if (c >= matrix.columns) continue;
      *reinterpret_cast<float2*>(out + static_cast<std::int64_t>(r) * matrix.columns + c) =
          make_float2(sums[4 * j + 2 * i], sums[4 * j + 2 * i + 1]);
    }
  }
}

}   // namespace

template <class Mode>
void prepare_wide_gradients() {
  allow_shared_memory(gradients_kernel<typename Format<Mode>::Operand>, Ring::bytes, "cheri::nn::hopper::wide_gradients");
}

template <class Mode>
void wide_gradients(cudaStream_t stream, const Problem& problem, float* linear_parts, const std::uint16_t* z_NLC,
                    const std::uint16_t* dout_NLC, const std::uint16_t* a_NLH, const std::uint16_t* dh_NLH) {
  using Operand = typename Format<Mode>::Operand;
  const auto [channels, hidden] = problem.width;
  const auto matrix = [&](const std::uint16_t* left, int rows, const std::uint16_t* right, int columns,
                          std::int64_t offset) {
    const int column_tiles = ceil_div(columns, 128);
    const auto map = [&](const std::uint16_t* data, int n) {
      return rows_map<Operand>(data, problem.examples, problem.length, n, step_rows);
    };
    return Matrix{map(left, rows), map(right, columns), rows, columns, ceil_div(rows, 128) * column_tiles, column_tiles,
                  offset};
  };
  const AnyMlp mlp = any_mlp(problem.width);
  const Arguments arguments{{matrix(dh_NLH, hidden, z_NLC, channels, 0),
                             matrix(dout_NLC, channels, a_NLH, hidden, static_cast<std::int64_t>(hidden) * channels)},
                            linear_parts,
                            mlp.part_floats(),
                            problem.length,
                            problem.slice_size,
                            mlp.linear_parts};
  const int tiles = arguments.matrices[0].tiles + arguments.matrices[1].tiles;
  launch("cheri::nn::hopper::wide_gradients", stream, gradients_kernel<Operand>,
         problem.n_slices() * mlp.linear_parts * tiles, wide_threads, Ring::bytes, arguments);
}

#define CHERI_WIDE_GRADIENTS(Mode)                                                                                     \
  template void prepare_wide_gradients<Mode>();                                                                        \
  template void wide_gradients<Mode>(cudaStream_t, const Problem&, float*, const std::uint16_t*, const std::uint16_t*, \
                                     const std::uint16_t*, const std::uint16_t*);
CHERI_WIDE_GRADIENTS(Tf32Class)
CHERI_WIDE_GRADIENTS(Bf16)
#undef CHERI_WIDE_GRADIENTS

}   // namespace cheri::nn::hopper
