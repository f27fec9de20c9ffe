// Newton-Schulz, a cluster of thread blocks a matrix. Block b of a cluster of B owns the row groups b, b + B, ... of 32 rows
// of X (rows x columns) and of A = X X^T and G = b A + c A A (rows x rows). What a block makes, all of its cluster read: it
// lies in global memory as fragments, in the very order of the lanes that read them. A block's own rows, the left operands,
// lie in shared memory as well if it owns a single group and they fit (up to 256 x 512).
//
// A fragment is 8 rows by 16 columns: 16 bytes a lane, the words (g, 2q) and (g, 2q + 8) of the high parts, then of the low
// ones. Two of them, one above the other, are a left tile; one is a right tile of the transposed matrix. X is kept by rows,
// for X X^T, and transposed, for G X. Elements are scaled by 2^10 before they are split in two fp16: singular values stay
// below 3, so nothing overflows, and what is flushed to zero is below 2^-34.
#include "nn/kernels/hopper/fragments.cuh"
#include "nn/kernels/hopper/muon.hpp"

#include <cooperative_groups.h>

#include <algorithm>

namespace cheri::nn::hopper {
namespace {

constexpr float linear = 3.4445f, cubic = -4.7750f, quintic = 2.0315f;   ///< X <- linear X + (cubic A + quintic A A) X
constexpr int iterations = 5;
constexpr double smallest_norm = 1e-7;
constexpr float scale = 1024;   ///< of the elements in fragments
constexpr float inverse_scale = 1 / scale, inverse_scale2 = inverse_scale * inverse_scale;

constexpr int group_rows = 32, row_tiles = group_rows / 16;
constexpr int narrow_tiles = 2, wide_tiles = 4;   ///< of 8 columns, of a warp in the products with A and with X
constexpr int threads = 256, warps = threads / 32;
constexpr int max_blocks = 8;            ///< of a cluster
constexpr int max_shared = 226 * 1024;   ///< bytes of a block for its own rows

// ---- memory of a matrix ----------------------------------------------------------------------------------------------

/// 16-byte elements; the sizes count them.
struct Workspace {
  uint4* x_rows;           ///< fragments of X
  uint4* x_columns;        ///< fragments of X transposed
  uint4* next_x_columns;   ///< those of the next iteration
  uint4* a;                ///< fragments of A
  uint4* polynomial;       ///< fragments of G, of the block's own rows
  float4* state;           ///< X in fp32, as the lanes that update it hold it
  double* squares;         ///< a block's share of the squared norm

  static constexpr int squares_size = max_blocks / 2;

  __host__ __device__ static std::int64_t size(std::int64_t rows, std::int64_t columns) {
    return rows * columns + rows * rows / 2 + squares_size;
  }
  __device__ Workspace(void* scratch, int matrix, std::int64_t rows, std::int64_t columns) {
    const std::int64_t wide = rows * columns / 4, square = rows * rows / 4;
    x_rows = static_cast<uint4*>(scratch) + matrix * size(rows, columns);
    x_columns = x_rows + wide;
    next_x_columns = x_columns + wide;
    state = reinterpret_cast<float4*>(next_x_columns + wide);
    a = next_x_columns + 2 * wide;
    polynomial = a + square;
    squares = reinterpret_cast<double*>(polynomial + square);
  }
};

/// Where element (r, c) of the wide form lies in the flat buffers.
struct Place {
  std::int64_t offset;
  int row_step, column_step;

  __device__ __forceinline__ std::int64_t operator()(int r, int c) const {
    return offset + static_cast<std::int64_t>(r) * row_step + static_cast<std::int64_t>(c) * column_step;
  }
};

// ---- mathematics -----------------------------------------------------------------------------------------------------

/// Two scaled floats as high and low fp16.
__device__ __forceinline__ SplitWord split_fp16(float first, float second) {
  const float x = scale * first, y = scale * second;
  const Word high = pack_fp16(x, y);
  const float2 rounded = __half22float2(*reinterpret_cast<const __half2*>(&high));
  return {high, pack_fp16(x - rounded.x, y - rounded.y)};
}

__device__ __forceinline__ float2 join_fp16(Word high, Word low) {
  const float2 h = __half22float2(*reinterpret_cast<const __half2*>(&high));
  const float2 l = __half22float2(*reinterpret_cast<const __half2*>(&low));
  return {inverse_scale * (h.x + l.x), inverse_scale * (h.y + l.y)};
}

/// Transposes 8 x 8 elements of 16 bits, a word a lane.
__device__ __forceinline__ Word transpose(Word word) {
  Word transposed;
  asm("movmatrix.sync.aligned.m8n8.trans.b16 %0, %1;" : "=r"(transposed) : "r"(word));
  return transposed;
}

/// What a warp makes at once: a row group by Tiles times 8 columns.
template <int Tiles>
struct WarpProduct {
  float main[row_tiles][Tiles][4], correction[row_tiles][Tiles][4];

  __device__ __forceinline__ void clear() {
#pragma unroll
    for (int i = 0; i < row_tiles * Tiles * 4; ++i) {
      main[i / (4 * Tiles)][i / 4 % Tiles][i % 4] = 0;
      correction[i / (4 * Tiles)][i / 4 % Tiles][i % 4] = 0;
    }
  }

  /// Adds left (fragments of the row group) times right (fragments of Tiles times 8 rows of the transposed right matrix),
  /// both with `steps` fragments a row of theirs, a multiple of Ahead. The right ones, written by all of the cluster, come
  /// from the second-level cache, Ahead steps early; behind the end that reads what follows in the workspace, and drops it.
  /// Addresses move once in Ahead steps: their arithmetic was four fifths of the instructions.
  template <int Ahead>
  __device__ __forceinline__ void multiply_ahead(const uint4* left, const uint4* right, int steps) {
    const uint4 *l_at[2 * row_tiles], *r_at[Tiles];
    uint4 r[Ahead][Tiles];
#pragma unroll
    for (int i = 0; i < 2 * row_tiles; ++i) l_at[i] = left + i * steps * 32;
#pragma unroll
    for (int j = 0; j < Tiles; ++j) r_at[j] = right + j * steps * 32;
#pragma unroll
    for (int d = 0; d < Ahead * Tiles; ++d) r[d / Tiles][d % Tiles] = __ldcg(r_at[d % Tiles] + d / Tiles * 32);
#pragma unroll 1
    for (int s = 0; s < steps; s += Ahead) {
#pragma unroll
      for (int d = 0; d < Ahead; ++d) {
        uint4 l[2 * row_tiles];
#pragma unroll
        for (int i = 0; i < 2 * row_tiles; ++i) l[i] = l_at[i][d * 32];
        add(l, r[d]);
#pragma unroll
        for (int j = 0; j < Tiles; ++j) r[d][j] = __ldcg(r_at[j] + (d + Ahead) * 32);
      }
#pragma unroll
      for (int i = 0; i < 2 * row_tiles; ++i) l_at[i] += Ahead * 32;
#pragma unroll
      for (int j = 0; j < Tiles; ++j) r_at[j] += Ahead * 32;
    }
  }

  __device__ __forceinline__ void multiply(const uint4* left, const uint4* right, int steps) {
    clear();
    if (Tiles == narrow_tiles && steps % 4 == 0) {
      multiply_ahead<4>(left, right, steps);
    } else {
      multiply_ahead<2>(left, right, steps);
    }
  }

  /// Three products to two sums, side by side, so that few wait for another to the same sum.
  __device__ __forceinline__ void add(const uint4 (&l)[2 * row_tiles], const uint4 (&r)[Tiles]) {
#pragma unroll
    for (int k = 0; k < row_tiles * Tiles; ++k) {
      const uint4 &upper = l[k / Tiles * 2], &lower = l[k / Tiles * 2 + 1], &b = r[k % Tiles];
      multiply_add_fp16(correction[k / Tiles][k % Tiles], upper.x, lower.x, upper.y, lower.y, b.z, b.w);
    }
#pragma unroll
    for (int k = 0; k < row_tiles * Tiles; ++k) {
      const uint4 &upper = l[k / Tiles * 2], &lower = l[k / Tiles * 2 + 1], &b = r[k % Tiles];
      multiply_add_fp16(main[k / Tiles][k % Tiles], upper.x, lower.x, upper.y, lower.y, b.x, b.y);
    }
#pragma unroll
    for (int k = 0; k < row_tiles * Tiles; ++k) {
      const uint4 &upper = l[k / Tiles * 2], &lower = l[k / Tiles * 2 + 1], &b = r[k % Tiles];
      multiply_add_fp16(correction[k / Tiles][k % Tiles], upper.z, lower.z, upper.w, lower.w, b.x, b.y);
    }
  }

  [[nodiscard]] __device__ __forceinline__ float at(int i, int j, int e) const {
    return inverse_scale2 * (main[i][j][e] + correction[i][j][e]);
  }
};

/// A warp's values, row group by Tiles times 8 columns, as the lanes of a product's result hold them.
template <int Tiles>
struct WarpValues {
  float v[row_tiles][Tiles][4];

  /// fragments: of the row group, at the first of these columns; a copy for the block itself goes to `own`, if it has one.
  __device__ __forceinline__ void write_rows(uint4* fragments, uint4* own, int steps) const {
#pragma unroll
    for (int i = 0; i < 2 * row_tiles; ++i) {
#pragma unroll
      for (int j = 0; j < Tiles; j += 2) {
        const float *const left = v[i / 2][j] + i % 2 * 2, *const right = v[i / 2][j + 1] + i % 2 * 2;
        const SplitWord first = split_fp16(left[0], left[1]), second = split_fp16(right[0], right[1]);
        const uint4 fragment = {first.high, second.high, first.low, second.low};
        if (fragments != nullptr) fragments[(i * steps + j / 2) * 32] = fragment;
        if (own != nullptr) own[(i * steps + j / 2) * 32] = fragment;
      }
    }
  }

  /// fragments: of the transposed matrix, of the first of these columns, at the row group.
  __device__ __forceinline__ void write_columns(uint4* fragments, int steps) const {
#pragma unroll
    for (int i = 0; i < row_tiles; ++i) {
#pragma unroll
      for (int j = 0; j < Tiles; ++j) {
        const SplitWord upper = split_fp16(v[i][j][0], v[i][j][1]), lower = split_fp16(v[i][j][2], v[i][j][3]);
        fragments[(j * steps + i) * 32] = {transpose(upper.high), transpose(lower.high), transpose(upper.low),
                                           transpose(lower.low)};
      }
    }
  }

  __device__ __forceinline__ void write_state(float4* state) const {
#pragma unroll
    for (int i = 0; i < row_tiles * Tiles; ++i) {
      const float* const e = v[i / Tiles][i % Tiles];
      state[i * 32] = make_float4(e[0], e[1], e[2], e[3]);
    }
  }

  __device__ __forceinline__ void read_state(const float4* state) {
#pragma unroll
    for (int i = 0; i < row_tiles * Tiles; ++i) {
      const float4 e = state[i * 32];
      float* const to = v[i / Tiles][i % Tiles];
      to[0] = e.x, to[1] = e.y, to[2] = e.z, to[3] = e.w;
    }
  }

  /// Calls visit(row, column, value) with the lane's elements, counted from the first row and column.
  template <class Visit>
  __device__ __forceinline__ void for_each(const Lane& lane, const Visit& visit) {
#pragma unroll
    for (int k = 0; k < row_tiles * Tiles * 4; ++k) {
      const int i = k / (4 * Tiles), j = k / 4 % Tiles, e = k % 4;
      visit(16 * i + e / 2 * 8 + lane.g, 8 * j + 2 * lane.q + e % 2, v[i][j][e]);
    }
  }
};

// ---- kernel ----------------------------------------------------------------------------------------------------------

/// One block's part of one matrix, in the steps of the iteration. Shared: its left operands lie in shared memory.
template <bool Shared>
struct NewtonSchulz {
  Workspace work;
  Place place;
  Lane lane;
  int warp, block, n_blocks, rows, columns;
  uint4 *own_x, *own_a, *own_polynomial;   ///< in shared memory, the row group of X, A and G

  static std::size_t shared_size(int rows, int columns) {
    return sizeof(float) * group_rows * static_cast<std::size_t>(columns + 2 * rows);
  }

  template <class Fragment>   // uint4 or const uint4
  [[nodiscard]] __device__ __forceinline__ Fragment* fragment(Fragment* matrix, int row, int column, int width) const {
    return matrix + (row / 8 * (width / 16) + column / 16) * 32 + lane.index;
  }
  [[nodiscard]] __device__ __forceinline__ float4* state(int row, int column) const {
    const int unit = row / group_rows * (columns / (8 * wide_tiles)) + column / (8 * wide_tiles);
    return work.state + static_cast<std::int64_t>(unit) * row_tiles * wide_tiles * 32 + lane.index;
  }

  /// Calls visit(row, column) for what this warp makes of a matrix `width` wide: row groups of its block by 8 Tiles columns.
  template <int Tiles, class Visit>
  __device__ __forceinline__ void for_each_unit(int width, const Visit& visit) const {
    for (int row = block * group_rows; row < rows; row += n_blocks * group_rows) {
      for (int column = warp * 8 * Tiles; column < width; column += warps * 8 * Tiles) visit(row, column);
    }
  }

  /// Where a left operand lies: fragments of a row group from a column on.
  template <class Fragment>
  [[nodiscard]] __device__ __forceinline__ Fragment* left(Fragment* own, Fragment* all, int row, int column,
                                                          int width) const {
    return Shared ? fragment(own, 0, column, width) : fragment(all, row, column, width);
  }
  /// Where a copy of it goes, or null.
  [[nodiscard]] __device__ __forceinline__ uint4* copy_of(uint4* own, int column, int width) const {
    return Shared ? fragment(own, 0, column, width) : nullptr;
  }

  /// This block's share of the squared norm of the direction, in a fixed order.
  __device__ void sum_squares(const float* direction) const {
    __shared__ double of_warps[warps];
    const std::int64_t size = static_cast<std::int64_t>(rows) * columns;
    double total = 0;
    for (std::int64_t i = block * threads + static_cast<int>(threadIdx.x); i < size; i += n_blocks * threads) {
      const auto value = static_cast<double>(direction[place.offset + i]);
      total += value * value;
    }
    for (int distance = 16; distance > 0; distance /= 2) total += __shfl_xor_sync(0xffffffffu, total, distance);
    if (lane.index == 0) of_warps[warp] = total;
    __syncthreads();
    if (threadIdx.x != 0) return;
    total = 0;
    for (const double part : of_warps) total += part;
    work.squares[block] = total;
  }

  __device__ void publish(WarpValues<wide_tiles>& x, int row, int column, uint4* x_columns) const {
    x.write_state(state(row, column));
    x.write_rows(fragment(work.x_rows, row, column, columns), copy_of(own_x, column, columns), columns / 16);
    x.write_columns(fragment(x_columns, column, row, rows), rows / 16);
  }

  /// X = direction / max(|direction|, 1e-7).
  __device__ void read(const float* direction) const {
    double squares = 0;
    for (int b = 0; b < n_blocks; ++b) squares += __ldcg(work.squares + b);
    const double factor = 1 / fmax(sqrt(squares), smallest_norm);
    for_each_unit<wide_tiles>(columns, [&](int row, int column) {
      WarpValues<wide_tiles> x;
      x.for_each(lane, [&](int r, int c, float& value) {
        value = static_cast<float>(static_cast<double>(direction[place(row + r, column + c)]) * factor);
      });
      publish(x, row, column, work.x_columns);
    });
  }

  /// A = X X^T.
  __device__ void square() const {
    for_each_unit<narrow_tiles>(rows, [&](int row, int column) {
      WarpProduct<narrow_tiles> product;
      product.multiply(left(own_x, work.x_rows, row, 0, columns), fragment(work.x_rows, column, 0, columns), columns / 16);
      WarpValues<narrow_tiles> a;
#pragma unroll
      for (int k = 0; k < row_tiles * narrow_tiles * 4; ++k) {
        const int i = k / (4 * narrow_tiles), j = k / 4 % narrow_tiles, e = k % 4;
        a.v[i][j][e] = product.at(i, j, e);
      }
      a.write_rows(fragment(work.a, row, column, rows), copy_of(own_a, column, rows), rows / 16);
    });
  }

  /// G = cubic A + quintic A A; A is symmetric.
  __device__ void make_polynomial() const {
    for_each_unit<narrow_tiles>(rows, [&](int row, int column) {
      WarpProduct<narrow_tiles> product;
      product.multiply(left(own_a, work.a, row, 0, rows), fragment(work.a, column, 0, rows), rows / 16);
      WarpValues<narrow_tiles> values;
#pragma unroll
      for (int k = 0; k < 2 * row_tiles; ++k) {   // fragments of 8 rows, two tiles wide
        const int i = k / 2, e = k % 2 * 2;
        const uint4 a = left(own_a, work.a, row, column, rows)[k * (rows / 16) * 32];
        const float2 first = join_fp16(a.x, a.z), second = join_fp16(a.y, a.w);
        values.v[i][0][e] = fmaf(quintic, product.at(i, 0, e), cubic * first.x);
        values.v[i][0][e + 1] = fmaf(quintic, product.at(i, 0, e + 1), cubic * first.y);
        values.v[i][1][e] = fmaf(quintic, product.at(i, 1, e), cubic * second.x);
        values.v[i][1][e + 1] = fmaf(quintic, product.at(i, 1, e + 1), cubic * second.y);
      }
      values.write_rows(left(own_polynomial, work.polynomial, row, column, rows), nullptr, rows / 16);
    });
  }

  /// X = linear X + G X, handed to finish(X, row, column).
  template <class Finish>
  __device__ void advance(const uint4* x_columns, const Finish& finish) const {
    for_each_unit<wide_tiles>(columns, [&](int row, int column) {
      WarpValues<wide_tiles> x;
      x.read_state(state(row, column));
      WarpProduct<wide_tiles> product;
      product.multiply(left(own_polynomial, work.polynomial, row, 0, rows), fragment(x_columns, column, 0, rows), rows / 16);
#pragma unroll
      for (int k = 0; k < row_tiles * wide_tiles * 4; ++k) {
        const int i = k / (4 * wide_tiles), j = k / 4 % wide_tiles, e = k % 4;
        x.v[i][j][e] = fmaf(linear, x.v[i][j][e], product.at(i, j, e));
      }
      finish(x, row, column);
    });
  }

  /// The iteration on what read() has published; the last X is handed to finish(X, row, column).
  template <class Cluster, class Finish>
  __device__ void iterate(const Cluster& cluster, const Finish& finish) const {
    uint4 *now = work.x_columns, *next = work.next_x_columns;
    for (int i = 0; i < iterations; ++i) {
      square();
      cluster.sync();
      make_polynomial();
      __syncthreads();
      if (i + 1 == iterations) {
        advance(now, finish);
      } else {
        advance(now, [&](WarpValues<wide_tiles>& x, int row, int column) { publish(x, row, column, next); });
        cluster.sync();
        uint4* const read = now;
        now = next;
        next = read;
      }
    }
  }
};

template <bool Shared>
__global__ void __launch_bounds__(threads)
    muon_kernel(float* __restrict__ values_P, const float* __restrict__ direction_P,
                const std::int64_t* __restrict__ matrices_M3, const double* lr, const bool* skip, double weight_decay,
                int rows, int columns, void* scratch) {
  extern __shared__ uint4 shared[];
  if (*skip) return;
  const auto cluster = cooperative_groups::this_cluster();
  const int n_blocks = static_cast<int>(cluster.num_blocks()), matrix = static_cast<int>(blockIdx.x) / n_blocks;
  const std::int64_t* const entry = matrices_M3 + 3 * matrix;
  const bool transposed = entry[1] > entry[2];
  const Place place = transposed ? Place{entry[0], 1, rows} : Place{entry[0], columns, 1};
  uint4* const shared_a = shared + group_rows * columns / 4;
  const NewtonSchulz<Shared> newton_schulz{Workspace(scratch, matrix, rows, columns),
                                           place,
                                           this_lane(),
                                           static_cast<int>(threadIdx.x) / 32,
                                           static_cast<int>(cluster.block_rank()),
                                           n_blocks,
                                           rows,
                                           columns,
                                           shared,
                                           shared_a,
                                           shared_a + group_rows * rows / 4};
  newton_schulz.sum_squares(direction_P);
  cluster.sync();
  newton_schulz.read(direction_P);
  cluster.sync();

  const double rate = *lr;
  const double ratio = transposed ? static_cast<double>(columns) / rows : static_cast<double>(rows) / columns;
  const double step = rate * sqrt(fmax(1.0, ratio));
  newton_schulz.iterate(cluster, [&](WarpValues<wide_tiles>& x, int row, int column) {
    x.for_each(newton_schulz.lane, [&](int r, int c, float x_rc) {
      float& p = values_P[place(row + r, column + c)];
      p = static_cast<float>(static_cast<double>(p) * (1 - rate * weight_decay) - step * static_cast<double>(x_rc));
    });
  });
}

/// Blocks of a cluster: the largest power of two, eight at most, that divides the row groups.
int blocks_of_cluster(int rows) {
  int blocks = 1;
  while (blocks < max_blocks && rows / group_rows % (2 * blocks) == 0) blocks *= 2;
  return blocks;
}

/// Whether the left operands go to shared memory: they fit, and every block has one row group.
bool fits_shared(const MuonShape& shape) {
  return NewtonSchulz<true>::shared_size(shape.rows, shape.columns) <= max_shared &&
         blocks_of_cluster(shape.rows) * group_rows == shape.rows;
}

}   // namespace

// ---- launcher --------------------------------------------------------------------------------------------------------

bool muon_serves(const MuonShape& shape) {
  return shape.rows >= group_rows && shape.rows <= shape.columns && shape.rows % group_rows == 0 &&
         shape.columns % (8 * wide_tiles) == 0;
}

std::size_t muon_scratch_size(const MuonShape& shape) {
  return sizeof(uint4) * static_cast<std::size_t>(shape.matrices) *
         static_cast<std::size_t>(Workspace::size(shape.rows, shape.columns));
}

void muon_update(cudaStream_t stream, float* values_P, const float* direction_P, const std::int64_t* matrices_M3,
                 const double* lr, const bool* skip, double weight_decay, const MuonShape& shape, void* scratch) {
  if (shape.matrices == 0) return;
  const int blocks = blocks_of_cluster(shape.rows);
  cudaLaunchAttribute cluster{};
  cluster.id = cudaLaunchAttributeClusterDimension;
  cluster.val.clusterDim = {static_cast<unsigned>(blocks), 1, 1};
  const bool in_shared = fits_shared(shape);
  const auto kernel = in_shared ? muon_kernel<true> : muon_kernel<false>;
  const std::size_t shared = in_shared ? NewtonSchulz<true>::shared_size(shape.rows, shape.columns) : 0;
  if (in_shared) allow_shared_memory(kernel, max_shared, "cheri::nn::hopper::muon_update");
  launch_with(&cluster, "cheri::nn::hopper::muon_update", stream, kernel,
              dim3(static_cast<unsigned>(shape.matrices * blocks)), threads, shared, values_P, direction_P, matrices_M3, lr,
              skip, weight_decay, shape.rows, shape.columns, scratch);
}

}   // namespace cheri::nn::hopper
