// The wide MLP: products of rows of activations with packed weights, each with what follows it done on the accumulators.
//
//   forward    a = gelu(z W1^T)                          out = x + a (s W2)^T
//   backward   h = z W1^T and da = dout (s W2) at once: a = gelu(h), dh = da gelu'(h)      dz = dh W1
//
// A block makes 128 rows of one example by 128 columns. One warp orders 64 columns of the inner dimension at a time, of left
// and right operand, into a ring of stages; two warpgroups multiply 64 rows each. Blocks of single products are two to a
// multiprocessor, so that one multiplies while the other stores.
#include "nn/kernels/hopper/device.cuh"
#include "nn/kernels/hopper/ranges.cuh"
#include "nn/kernels/hopper/tensor_map.hpp"
#include "nn/kernels/hopper/wide.hpp"
#include "nn/kernels/hopper/wide_ring.cuh"

namespace cheri::nn::hopper {
namespace {

constexpr int step_columns = 64;                    ///< of the inner dimension
constexpr int box_bytes = 128 * 2 * step_columns;   ///< 128 rows of one operand
static_assert(wide_tile_rows == 128 && wide_tile_columns == 128);

/// One product's operands, as the copy engine sees them.
struct Operands {
  CUtensorMap left;    ///< (N, L, K)
  CUtensorMap right;   ///< (columns, K)
};

template <int products>
struct AllOperands {
  Operands of[products];
};

struct Tiles {
  int length, row_tiles, column_tiles;   ///< row_tiles of an example
  int steps;                             ///< of the inner dimension
};

/// A thread's place in the result: rows `row` and row + 8 of the example, runs of `size` columns.
struct Place {
  int example, row, column, quad_lane;
  int sums;   ///< index of its warp's sums among those of its example

  template <int size>
  [[nodiscard]] __device__ __forceinline__ int run_column(int run) const {
    return column + (4 * run + quad_lane) * size;
  }
};

/// Element j of a run in row `row + 8 i`.
template <int size>
__device__ __forceinline__ float element(const float (&sums)[64], int i, int run, int j) {
  return sums[4 * (size / 2 * run + j / 2) + 2 * i + j % 2];
}

// ---- what follows a product ------------------------------------------------------------------------------------------

/// a = gelu(h).
template <class Mode>
struct StoreHidden {
  using Operand = typename Format<Mode>::Operand;
  static constexpr int products = 1;
  Operand* a;
  int columns;

  __device__ __forceinline__ void operator()(const float (&sums)[1][64], const Place& at, int length) const {
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      const int l = at.row + 8 * i;
      if (l >= length) continue;
      Operand* const to = a + (static_cast<std::int64_t>(at.example) * length + l) * columns;
#pragma unroll
      for (int run = 0; run < 4; ++run) {
        const int c = at.run_column<8>(run);
        if (c >= columns) continue;
        unsigned words[4];
#pragma unroll
        for (int j = 0; j < 4; ++j) {
          words[j] = pack_pair_saturated<Operand>(gelu(element<8>(sums[0], i, run, 2 * j)),
                                                  gelu(element<8>(sums[0], i, run, 2 * j + 1)));
        }
        *reinterpret_cast<uint4*>(to + c) = make_uint4(words[0], words[1], words[2], words[3]);
      }
    }
  }
};

/// out = x + power m.
template <class Mode>
struct StoreResidual {
  using Activation = typename Mode::Activation;
  static constexpr int products = 1;
  Activation* out;
  const Activation* x;
  int columns;
  float power;

  __device__ __forceinline__ void operator()(const float (&sums)[1][64], const Place& at, int length) const {
    constexpr int n = 16 / static_cast<int>(sizeof(Activation));
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      const int l = at.row + 8 * i;
      if (l >= length) continue;
      const std::int64_t row = (static_cast<std::int64_t>(at.example) * length + l) * columns;
      Run<Activation, n> residual[32 / n];
#pragma unroll
      for (int run = 0; run < 32 / n; ++run) {
        const int c = at.run_column<n>(run);
        residual[run] = load_run_if<n>(c < columns, x + row + c);
      }
#pragma unroll
      for (int run = 0; run < 32 / n; ++run) {
        const int c = at.run_column<n>(run);
        if (c >= columns) continue;
        float values[n];
#pragma unroll
        for (int j = 0; j < n; ++j) values[j] = fmaf(power, element<n>(sums[0], i, run, j), residual[run][j]);
        store_run(out + row + c, values);
      }
    }
  }
};

/// a = gelu(h), dh = da gelu'(h), and the sums of dz and of dz z: sum dz z = sum dh h, sum dz = sum_h dh(h) sum_c W1(h,c).
template <class Mode>
struct StoreHiddenGradient {
  using Operand = typename Format<Mode>::Operand;
  static constexpr int products = 2;
  Operand *a, *dh;
  const float* row_sums;
  float4* tile_sums;
  int columns, sums_per_example;

  __device__ __forceinline__ void operator()(const float (&sums)[2][64], const Place& at, int length) const {
    float plain = 0, weighted = 0;
#pragma unroll
    for (int run = 0; run < 4; ++run) {
      const int c = at.run_column<8>(run);
      if (c >= columns) continue;
      const auto row_sum = load_run<8>(row_sums + c);
#pragma unroll
      for (int i = 0; i < 2; ++i) {
        unsigned a_words[4], dh_words[4];
#pragma unroll
        for (int j = 0; j < 4; ++j) {
          float value[2], gradient[2];
#pragma unroll
          for (int e = 0; e < 2; ++e) {
            const float h = element<8>(sums[0], i, run, 2 * j + e);
            const GeluAndDerivative g = gelu_and_derivative(h);
            value[e] = g.value;
            gradient[e] = g.derivative * element<8>(sums[1], i, run, 2 * j + e);
            plain = fmaf(gradient[e], row_sum[2 * j + e], plain);
            weighted = fmaf(gradient[e], h, weighted);
          }
          a_words[j] = pack_pair_saturated<Operand>(value[0], value[1]);
          dh_words[j] = pack_pair<Operand>(gradient[0], gradient[1]);
        }
        const int l = at.row + 8 * i;
        if (l >= length) continue;
        const std::int64_t to = (static_cast<std::int64_t>(at.example) * length + l) * columns + c;
        *reinterpret_cast<uint4*>(a + to) = make_uint4(a_words[0], a_words[1], a_words[2], a_words[3]);
        *reinterpret_cast<uint4*>(dh + to) = make_uint4(dh_words[0], dh_words[1], dh_words[2], dh_words[3]);
      }
    }
    plain = warp_sum(plain), weighted = warp_sum(weighted);
    if (threadIdx.x % 32 == 0) {
      tile_sums[static_cast<std::int64_t>(at.example) * sums_per_example + at.sums] = make_float4(plain, weighted, 0, 0);
    }
  }
};

/// dz, times the layer's power of two, and the largest of it as stored.
template <class Mode>
struct StoreInputGradient {
  using Operand = typename Format<Mode>::Operand;
  static constexpr int products = 1;
  Operand* dz;
  LayerNorms norms;
  float4* tile_sums;   ///< of this product's first column tile
  int columns, sums_per_example;

  __device__ __forceinline__ void operator()(const float (&sums)[1][64], const Place& at, int length) const {
    const float scale = Format<Mode>::is_scaled ? packed_dz_scale(norms) : 1.f;
    float largest = 0;
#pragma unroll
    for (int run = 0; run < 4; ++run) {
      const int c = at.run_column<8>(run);
      if (c >= columns) continue;
#pragma unroll
      for (int i = 0; i < 2; ++i) {
        const int l = at.row + 8 * i;
        if (l >= length) continue;
        Run<Operand, 8> words;
#pragma unroll
        for (int j = 0; j < 4; ++j) {
          words.words[j] =
              pack_pair<Operand>(scale * element<8>(sums[0], i, run, 2 * j), scale * element<8>(sums[0], i, run, 2 * j + 1));
        }
        if constexpr (Format<Mode>::is_scaled) {
#pragma unroll
          for (int j = 0; j < 8; ++j) largest = __uint_as_float(max(__float_as_uint(largest), magnitude_bits(words[j])));
        }
        const std::int64_t to = (static_cast<std::int64_t>(at.example) * length + l) * columns + c;
        *reinterpret_cast<uint4*>(dz + to) = make_uint4(words.words[0], words.words[1], words.words[2], words.words[3]);
      }
    }
    largest = warp_largest(magnitude_bits(largest));
    if (threadIdx.x % 32 == 0) {
      tile_sums[static_cast<std::int64_t>(at.example) * sums_per_example + at.sums] = make_float4(0, 0, largest, 0);
    }
  }
};

// ---- the product -----------------------------------------------------------------------------------------------------

template <int products>
using Ring = WideRing<products * 2 * box_bytes>;

/// One thread: all steps, as soon as their stage is free. What lies outside of an operand arrives as zeros.
template <int products>
__device__ __forceinline__ void order_steps(const Ring<products>& ring, const AllOperands<products>& operands, int steps,
                                            int example, int row, int column) {
  for (int step = 0; step < steps; ++step) {
    ring.begin_stage(step);
    const unsigned barrier = ring.full(step);
#pragma unroll
    for (int product = 0; product < products; ++product) {
      const unsigned to = ring.stage(step) + product * 2 * box_bytes;
      box_copy(to, operands.of[product].left, step * step_columns, row, example, barrier);
      box_copy(to + box_bytes, operands.of[product].right, step * step_columns, column, 0, barrier);
    }
  }
}

/// sums = left right^T, over all steps, of warpgroup v.
template <class Operand, int products>
__device__ __forceinline__ void multiply(float (&sums)[products][64], const Ring<products>& ring, int steps, int v) {
#pragma unroll
  for (int product = 0; product < products; ++product) {
#pragma unroll
    for (int i = 0; i < 64; ++i) sums[product][i] = 0;
  }
  for (int step = 0; step < steps; ++step) {
    ring.await_stage(step);
#pragma unroll
    for (int product = 0; product < products; ++product) pin(sums[product]);
    products_begin();
#pragma unroll
    for (int product = 0; product < products; ++product) {
      const unsigned at = ring.stage(step) + product * 2 * box_bytes;
      const std::uint64_t left = operand(at + v * (box_bytes / 2)), right = operand(at + box_bytes);
#pragma unroll
      for (int k = 0; k < step_columns / 16; ++k) {
        Product<Operand>::template step<false, false>(sums[product], advanced(left, k * operand_step),
                                                      advanced(right, k * operand_step));
      }
    }
    products_commit();
    products_wait<1>();
    if (step > 0) barrier_arrive(ring.empty(step - 1));
  }
  products_wait<0>();
#pragma unroll
  for (int product = 0; product < products; ++product) pin(sums[product]);
}

template <class Operand, class Store>
__global__ void __launch_bounds__(wide_threads, Store::products == 1 ? 2 : 1)
    product_kernel(const __grid_constant__ AllOperands<Store::products> operands, const Store store, const Tiles tiles) {
  constexpr int products = Store::products;
  extern __shared__ __align__(1024) std::byte shared[];
  const Ring<products> ring{shared_address(shared)};
  if (threadIdx.x == 0) ring.set_up();
  await_previous();
  __syncthreads();

  // Neighbouring blocks share the rows.
  const int column_tile = static_cast<int>(blockIdx.x) % tiles.column_tiles;
  const int row_tile = static_cast<int>(blockIdx.x) / tiles.column_tiles;
  const int example = row_tile / tiles.row_tiles, tile = row_tile % tiles.row_tiles;
  const int v = warpgroup_index();
  if (v == wide_consumers / 128) {
    if (threadIdx.x % 32 == 0) {
      order_steps(ring, operands, tiles.steps, example, tile * wide_tile_rows, column_tile * wide_tile_columns);
    }
    return;
  }
  float sums[products][64];
  multiply<Operand>(sums, ring, tiles.steps, v);
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  store(sums,
        Place{example, tile * wide_tile_rows + 16 * warp + lane / 4, column_tile * wide_tile_columns, lane % 4,
              (tile * tiles.column_tiles + column_tile) * 8 + warp},
        tiles.length);
}

/// One launch: the rows of all examples times a packed image with `columns` rows.
template <class Mode, class Store>
void multiply_rows(const char* label, cudaStream_t stream, const Problem& problem,
                   const AllOperands<Store::products>& operands, const Store& store, int inner) {
  const Tiles tiles{problem.length, ceil_div(problem.length, wide_tile_rows), ceil_div(store.columns, wide_tile_columns),
                    ceil_div(inner, step_columns)};
  launch(label, stream, product_kernel<typename Format<Mode>::Operand, Store>,
         problem.examples * tiles.row_tiles * tiles.column_tiles, wide_threads, Ring<Store::products>::bytes, operands,
         store, tiles);
}

template <class Mode>
Operands operands_of(const Problem& problem, const void* left, const std::byte* image, int columns, int inner) {
  using Operand = typename Format<Mode>::Operand;
  return {rows_map<Operand>(left, problem.examples, problem.length, inner, wide_tile_rows),
          rows_map<Operand>(image, 1, columns, inner, wide_tile_columns)};
}

template <class Mode, class Store>
void allow_shared_memory_of() {
  allow_shared_memory(product_kernel<typename Format<Mode>::Operand, Store>, Ring<Store::products>::bytes,
                      "cheri::nn::hopper::wide_mlp");
}

}   // namespace

template <class Mode>
void prepare_wide_mlp() {
  allow_shared_memory_of<Mode, StoreHidden<Mode>>();
  allow_shared_memory_of<Mode, StoreResidual<Mode>>();
  allow_shared_memory_of<Mode, StoreHiddenGradient<Mode>>();
  allow_shared_memory_of<Mode, StoreInputGradient<Mode>>();
  prepare_wide_gradients<Mode>();
}

template <class Mode>
void wide_forward_mlp(cudaStream_t stream, const Problem& problem, typename Mode::Activation* out_NLC, std::uint16_t* z_NLC,
                      const typename Mode::Activation* x_NLC, const float* statistics_N2, const float* conv_3C,
                      const std::byte* packed_layer, std::uint16_t* hidden_NLH) {
  using Operand = typename Format<Mode>::Operand;
  const auto [channels, hidden] = problem.width;
  const WideLayout layout(problem.width);
  normalise<Mode>(stream, problem, z_NLC, x_NLC, statistics_N2, conv_3C);
  multiply_rows<Mode>("cheri::nn::hopper::wide_forward::hidden", stream, problem,
                      AllOperands<1>{operands_of<Mode>(problem, z_NLC, packed_layer + layout.linear1, hidden, channels)},
                      StoreHidden<Mode>{reinterpret_cast<Operand*>(hidden_NLH), hidden}, channels);
  multiply_rows<Mode>(
      "cheri::nn::hopper::wide_forward::residual", stream, problem,
      AllOperands<1>{operands_of<Mode>(problem, hidden_NLH, packed_layer + layout.linear2, channels, hidden)},
      StoreResidual<Mode>{out_NLC, x_NLC, channels, split_scale(problem.residual_scale).power}, hidden);
}

template <class Mode>
void wide_backward_mlp(cudaStream_t stream, const Problem& problem, const typename Mode::Activation* gradient_NLC,
                       const std::uint16_t* saved_z, const std::byte* packed_layer, const BackwardScratch& scratch) {
  using F = Format<Mode>;
  using Operand = typename F::Operand;
  const auto [channels, hidden] = problem.width;
  const WideLayout layout(problem.width);
  const void* const dout = F::is_scaled ? static_cast<const void*>(scratch.scaled) : gradient_NLC;
  std::uint16_t* const a = scratch.hidden;
  std::uint16_t* const dh = a + static_cast<std::int64_t>(problem.examples) * problem.length * hidden;
  const int sums = sums_per_example(problem.width, problem.length);
  const int hidden_sums = ceil_div(problem.length, wide_tile_rows) * ceil_div(hidden, wide_tile_columns) * 8;
  multiply_rows<Mode>(
      "cheri::nn::hopper::wide_backward::hidden", stream, problem,
      AllOperands<2>{operands_of<Mode>(problem, saved_z, packed_layer + layout.linear1, hidden, channels),
                     operands_of<Mode>(problem, dout, packed_layer + layout.linear2_transposed, hidden, channels)},
      StoreHiddenGradient<Mode>{reinterpret_cast<Operand*>(a), reinterpret_cast<Operand*>(dh),
                                reinterpret_cast<const float*>(packed_layer + layout.row_sums), scratch.tile_sums, hidden,
                                sums},
      channels);
  multiply_rows<Mode>(
      "cheri::nn::hopper::wide_backward::input", stream, problem,
      AllOperands<1>{operands_of<Mode>(problem, dh, packed_layer + layout.linear1_transposed, channels, hidden)},
      StoreInputGradient<Mode>{reinterpret_cast<Operand*>(scratch.dz), norms_of(problem.width, packed_layer),
                               scratch.tile_sums + hidden_sums, channels, sums},
      hidden);
  wide_gradients<Mode>(stream, problem, scratch.linear_parts, saved_z, static_cast<const std::uint16_t*>(dout), a, dh);
}

#define CHERI_WIDE_MLP(Mode)                                                                                         \
  template void prepare_wide_mlp<Mode>();                                                                            \
  template void wide_forward_mlp<Mode>(cudaStream_t, const Problem&, Mode::Activation*, std::uint16_t*,              \
                                       const Mode::Activation*, const float*, const float*, const std::byte*,        \
                                       std::uint16_t*);                                                              \
  template void wide_backward_mlp<Mode>(cudaStream_t, const Problem&, const Mode::Activation*, const std::uint16_t*, \
                                        const std::byte*, const BackwardScratch&);
CHERI_WIDE_MLP(Tf32Class)
CHERI_WIDE_MLP(Bf16)
#undef CHERI_WIDE_MLP

}   // namespace cheri::nn::hopper
