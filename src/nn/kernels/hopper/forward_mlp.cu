// out = x + s W2 gelu(W1 z), z = norm(conv(x)): a persistent kernel of three warpgroups that share nothing but the weights.
//
// A warpgroup takes 64 rows through both products. The rows that the taps touch come by bulk copy into a ring of stages; as
// soon as a warpgroup has made its fragments of z (and of the residual) from a stage, it orders the next rows into it. A
// lane owns runs of 16 bytes of a row in all fragments, 64 bytes apart; the weights' images are permuted to suit
// (weights.cu). z of one example is bounded by sqrt(L C), far inside fp16's range; gelu saturates.
#include "nn/kernels/hopper/device.cuh"
#include "nn/kernels/hopper/kernels.hpp"
#include "nn/kernels/hopper/launch.hpp"
#include "nn/kernels/hopper/tensor_map.hpp"
#include "nn/kernels/hopper/wgmma.cuh"

#include <algorithm>

namespace cheri::nn::hopper {
namespace {

constexpr int warpgroups = 3;
constexpr int threads = 128 * warpgroups;
constexpr int tile_rows = 64;

/// A barrier is waited on by one warpgroup only and belongs to one stage only, or a warpgroup that is a phase ahead would
/// pass on a stale parity: tiles that share one are a multiple of 3 (warpgroups) and of 1, 2 or 3 (stages) apart.
constexpr int n_barriers = 6;

constexpr int weights_bytes = PackedLayout::image;
constexpr int ring_bytes = 3 * tile_rows * channels * 4;
constexpr int shared_conv = weights_bytes + ring_bytes;
constexpr int shared_barriers = shared_conv + 3 * channels * 4;
constexpr int shared_bytes = shared_barriers + 8 * n_barriers;

/// The rows of x that a tile needs, in a stage: one run of rows if the dilation is small, else a run per tap. A run is
/// stored as column blocks of 128 bytes, swizzled (wgmma.cuh).
struct Window {
  int runs;
  int run_rows;     ///< a multiple of 8
  int tap_offset;   ///< bytes from one tap's rows to the next's
  int stage_bytes;
  int n_stages;
};

Window window_of(int dilation, int row_bytes) {
  const bool is_one_run = dilation <= tile_rows;
  Window window{};
  window.runs = is_one_run ? 1 : 3;
  window.run_rows = is_one_run ? ceil_div(tile_rows + 2 * dilation, 8) * 8 : tile_rows;
  window.tap_offset = is_one_run ? dilation * 128 : window.run_rows * row_bytes;
  window.stage_bytes = window.runs * window.run_rows * row_bytes;
  window.n_stages = std::min(3, ring_bytes / window.stage_bytes);
  return window;
}

template <class Mode>
struct Arguments {
  using Activation = typename Mode::Activation;
  using Operand = typename Format<Mode>::Operand;
  Activation* out;
  Operand* saved_z;
  const float2* statistics;
  const float* conv_3C;
  const std::byte* image;
  int rows;   ///< N * L
  int length, dilation;
  Divisor by_length;
  float power;   ///< of the residual scale (SplitScale)
  Window window;
};

template <class Activation>
constexpr int row_bytes = channels* static_cast<int>(sizeof(Activation));
template <class Activation>
constexpr int column_blocks = row_bytes<Activation> / 128;

/// What a block sees of its work: tiles blockIdx.x, blockIdx.x + gridDim.x, ...
template <class Mode>
struct Ring {
  using Activation = typename Mode::Activation;
  const Arguments<Mode>& p;
  const CUtensorMap& x;   ///< boxes of run_rows rows of the whole batch
  unsigned shared;
  int n_tiles;

  __device__ __forceinline__ int first_row(int tile) const {
    return (static_cast<int>(blockIdx.x) + tile * static_cast<int>(gridDim.x)) * tile_rows;
  }
  __device__ __forceinline__ unsigned barrier(int tile) const { return shared + shared_barriers + 8 * (tile % n_barriers); }
  __device__ __forceinline__ unsigned stage(int index) const {
    return shared + weights_bytes + index * p.window.stage_bytes;
  }

  /// The rows of a tile into a stage, zeros for those outside of the batch; by one thread.
  __device__ __forceinline__ void order(int tile, int stage_index) const {
    if (tile >= n_tiles) return;
    barrier_arrive_expect(barrier(tile), p.window.stage_bytes);
    unsigned to = stage(stage_index);
    int row = first_row(tile) - p.dilation;
    for (int run = 0; run < p.window.runs; ++run, row += p.dilation) {
#pragma unroll
      for (int block = 0; block < column_blocks<Activation>; ++block, to += 128 * p.window.run_rows) {
        box_copy(to, x, block * (channels / column_blocks<Activation>), row, 0, barrier(tile));
      }
    }
  }
};

/// Where a thread's runs lie in a stage.
struct Places {
  unsigned tap[3];   ///< of its first row's run in the first 64 bytes of a row; the run in the second is at ^ 64

  __device__ __forceinline__ Places(unsigned stage, const Window& window, int local_row) {
#pragma unroll
    for (int t = 0; t < 3; ++t) {
      const unsigned row = stage + t * window.tap_offset + local_row * 128;   // a multiple of 128
      tap[t] = row + (((threadIdx.x & 3) * 16) ^ (row >> 3 & 112));
    }
  }
};

/// One of a thread's two rows of a tile.
struct Row {
  bool has_previous, has_next;
  float scale, shift;   ///< z = scale conv + shift
};

template <class Mode>
__device__ __forceinline__ Row row_at(const Arguments<Mode>& p, int row) {
  const bool inside = row < p.rows;
  const int example = inside ? p.by_length.quotient(row) : 0;
  const int l = row - example * p.length;
  const float2 statistics = __ldg(&p.statistics[example]);
  return {l >= p.dilation, l + p.dilation < p.length, statistics.y, -statistics.x * statistics.y};
}

/// A lane's runs: `size` channels each, one of every 4 * size.
template <class Activation>
struct LaneRuns {
  static constexpr int size = 16 / static_cast<int>(sizeof(Activation));
  static constexpr int count = channels / (4 * size);
  static __device__ __forceinline__ int channel(int run) { return (4 * run + (static_cast<int>(threadIdx.x) & 3)) * size; }
};

/// Makes the z fragments of 16 rows, and preloads the accumulator with the residual, from a stage.
template <class Mode>
__device__ __forceinline__ void make_fragments(unsigned (&z)[8][4], float (&out)[64], const Arguments<Mode>& p,
                                               const Places& places, const float* conv_3C, const Row (&rows)[2]) {
  using Activation = typename Mode::Activation;
  using Operand = typename Format<Mode>::Operand;
  using Runs = LaneRuns<Activation>;
  constexpr int n = Runs::size;
  const float residual = 1.f / p.power;
#pragma unroll
  for (int run = 0; run < Runs::count; ++run) {
    const int c = Runs::channel(run);
    const auto w0 = load_run<n>(conv_3C + c), w1 = load_run<n>(conv_3C + channels + c),
               w2 = load_run<n>(conv_3C + 2 * channels + c);
    const unsigned block = run / 2 * 128 * p.window.run_rows, second_half = run % 2 * 64;
    float values[2][n];
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      const auto at = [&](int t) { return (places.tap[t] ^ second_half) + block + i * 1024; };
      const auto previous = load_shared_run<Activation>(at(0)).kept_if(rows[i].has_previous),
                 centre = load_shared_run<Activation>(at(1)),
                 next = load_shared_run<Activation>(at(2)).kept_if(rows[i].has_next);
#pragma unroll
      for (int j = 0; j < n; ++j) {
        values[i][j] = fmaf(fmaf(w0[j], previous[j], fmaf(w1[j], centre[j], w2[j] * next[j])), rows[i].scale, rows[i].shift);
        out[4 * (n / 2 * run + j / 2) + 2 * i + j % 2] = centre[j] * residual;
      }
    }
#pragma unroll
    for (int step = 0; step < n / 4; ++step) {
#pragma unroll
      for (int k = 0; k < 4; ++k) {
        const float* const pair = &values[k % 2][4 * step + 2 * (k / 2)];
        z[n / 4 * run + step][k] = pack_pair<Operand>(pair[0], pair[1]);
      }
    }
  }
}

template <class Activation, class Operand>
__device__ __forceinline__ void save_fragments(Operand* saved_z, const unsigned (&z)[8][4], int row, int rows) {
  using Runs = LaneRuns<Activation>;
#pragma unroll
  for (int i = 0; i < 2; ++i) {
    if (row + 8 * i >= rows) continue;
    Operand* const to = saved_z + static_cast<std::size_t>(row + 8 * i) * channels;
#pragma unroll
    for (int run = 0; run < Runs::count; ++run) {
      if constexpr (Runs::size == 8) {
        *reinterpret_cast<uint4*>(to + Runs::channel(run)) =
            make_uint4(z[2 * run][i], z[2 * run][2 + i], z[2 * run + 1][i], z[2 * run + 1][2 + i]);
      } else {
        *reinterpret_cast<uint2*>(to + Runs::channel(run)) = make_uint2(z[run][i], z[run][2 + i]);
      }
    }
  }
}

/// h = W1 z of a chunk of 64 hidden units.
template <class Operand>
__device__ __forceinline__ void first_product(float (&h)[32], const unsigned (&z)[8][4], std::uint64_t linear1, int chunk) {
  Product<Operand>::start(h, z[0], advanced(linear1, chunk * 8192));
#pragma unroll
  for (int k = 1; k < 8; ++k) {
    Product<Operand>::step(h, z[k], advanced(linear1, chunk * 8192 + k / 4 * 32768 + k % 4 * operand_step));
  }
}

/// out += W2 gelu(h) of a chunk: gelu(h) goes from one product's accumulator straight into the other's left operand.
template <class Operand>
__device__ __forceinline__ void second_product(float (&out)[64], const unsigned (&a)[4][4], std::uint64_t linear2,
                                               int chunk) {
#pragma unroll
  for (int k = 0; k < 4; ++k) {
    Product<Operand>::step(out, a[k], advanced(linear2, chunk * 16384 + k * operand_step));
  }
}

template <class Operand>
__device__ __forceinline__ void activate(unsigned (&a)[4][4], const float (&h)[32]) {
#pragma unroll
  for (int k = 0; k < 4; ++k) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      a[k][i] = pack_pair_saturated<Operand>(gelu(h[8 * k + 2 * i]), gelu(h[8 * k + 2 * i + 1]));
    }
  }
}

/// out += W2 gelu(W1 z), in chunks of 64 hidden units.
template <class Operand>
__device__ __forceinline__ void mlp(float (&out)[64], const unsigned (&z)[8][4], unsigned weights) {
  const std::uint64_t linear1 = operand(weights), linear2 = operand(weights + weights_bytes / 2);
  constexpr int n_chunks = hidden / 64;
#pragma unroll 1
  for (int chunk = 0; chunk < n_chunks; ++chunk) {
    float h[32];
    unsigned a[4][4];
    products_begin();
    first_product<Operand>(h, z, linear1, chunk);
    products_commit();
    products_wait<0>();
    pin(h);
    activate<Operand>(a, h);
    pin(out);
    products_begin();
    second_product<Operand>(out, a, linear2, chunk);
    products_commit();
    products_wait<0>();
    pin(out);
  }
}

template <class Activation>
__device__ __forceinline__ void store_rows(Activation* out, const float (&values)[64], float power, int row, int rows) {
  using Runs = LaneRuns<Activation>;
#pragma unroll
  for (int i = 0; i < 2; ++i) {
    if (row + 8 * i >= rows) continue;
#pragma unroll
    for (int run = 0; run < Runs::count; ++run) {
      float elements[Runs::size];
#pragma unroll
      for (int j = 0; j < Runs::size; ++j) {
        elements[j] = power * values[4 * (Runs::size / 2 * run + j / 2) + 2 * i + j % 2];
      }
      store_run(out + static_cast<std::size_t>(row + 8 * i) * channels + Runs::channel(run), elements);
    }
  }
}

template <class Mode, bool saves_z>
__global__ void __launch_bounds__(threads, 1)
    forward_mlp_kernel(const __grid_constant__ CUtensorMap x, const Arguments<Mode> p) {
  using Activation = typename Mode::Activation;
  using Operand = typename Format<Mode>::Operand;
  extern __shared__ __align__(1024) std::byte shared[];
  float* const conv_3C = reinterpret_cast<float*>(shared + shared_conv);
  const int n_blocks = gridDim.x, block = blockIdx.x;
  const Ring<Mode> ring{p, x, shared_address(shared), (ceil_div(p.rows, tile_rows) - block + n_blocks - 1) / n_blocks};
  if (threadIdx.x == 0) {
    for (int i = 0; i < n_barriers; ++i) barrier_init(ring.barrier(i), 1);
    fence_barrier_init();
    for (int tile = 0; tile < p.window.n_stages; ++tile) ring.order(tile, tile);
  }
  for (int i = threadIdx.x; i < weights_bytes / 16; i += threads) {
    reinterpret_cast<uint4*>(shared)[i] = reinterpret_cast<const uint4*>(p.image)[i];
  }
  for (int i = threadIdx.x; i < 3 * channels; i += threads) conv_3C[i] = p.conv_3C[i];
  fence_async_proxy();
  await_previous();
  __syncthreads();

  // Rows are dealt to lanes such that neighbouring quads read different halves of the swizzled 128 bytes: no bank conflicts.
  const int warpgroup = warpgroup_index(), thread = threadIdx.x & 127, quad = thread % 32 / 4;
  const int local_row = 16 * (thread / 32) + (quad >> 1 | (quad & 1) << 2);
  const int n_stages = p.window.n_stages;
  int stage = warpgroup % n_stages;
  for (int tile = warpgroup; tile < ring.n_tiles; tile += warpgroups) {
    const int row = ring.first_row(tile) + local_row;
    const Row rows[2] = {row_at(p, row), row_at(p, row + 8)};
    unsigned z[8][4];
    float out[64];
    barrier_wait(ring.barrier(tile), tile / n_barriers & 1);
    make_fragments(z, out, p, Places(ring.stage(stage), p.window, local_row), conv_3C, rows);
    sync_threads(1 + warpgroup, 128);
    if (thread == 0) {
      fence_async_proxy();
      ring.order(tile + n_stages, stage);
    }
    if constexpr (saves_z) save_fragments<Activation>(p.saved_z, z, row, p.rows);
    mlp<Operand>(out, z, ring.shared);
    store_rows(p.out, out, p.power, row, p.rows);
    if (n_stages == 2) stage ^= 1;   // 3 tiles on: with 1 or 3 stages it is the same one
  }
}

}   // namespace

template <class Mode>
void prepare_forward_mlp() {
  allow_shared_memory(forward_mlp_kernel<Mode, false>, shared_bytes, "cheri::nn::hopper::forward_mlp");
  allow_shared_memory(forward_mlp_kernel<Mode, true>, shared_bytes, "cheri::nn::hopper::forward_mlp");
}

template <class Mode>
void forward_mlp(cudaStream_t stream, const Problem& problem, typename Mode::Activation* out_NLC, std::uint16_t* saved_z,
                 const typename Mode::Activation* x_NLC, const float* statistics_N2, const float* conv_3C,
                 const std::byte* packed_layer) {
  using Operand = typename Format<Mode>::Operand;
  const int rows = problem.examples * problem.length;
  const int dilation = std::min(problem.dilation, problem.length);
  const Window window = window_of(dilation, row_bytes<typename Mode::Activation>);
  const Arguments<Mode> arguments{out_NLC,
                                  reinterpret_cast<Operand*>(saved_z),
                                  reinterpret_cast<const float2*>(statistics_N2),
                                  conv_3C,
                                  packed_layer + PackedLayout::forward,
                                  rows,
                                  problem.length,
                                  dilation,
                                  Divisor(problem.length),
                                  split_scale(problem.residual_scale).power,
                                  window};
  const CUtensorMap x = rows_map<typename Mode::Activation>(x_NLC, 1, rows, channels, window.run_rows);
  const int n_blocks = std::min(multiprocessors(), ceil_div(rows, tile_rows));
  const auto kernel = saved_z ? forward_mlp_kernel<Mode, true> : forward_mlp_kernel<Mode, false>;
  launch("cheri::nn::hopper::forward_mlp", stream, kernel, n_blocks, threads, shared_bytes, x, arguments);
}

#define CHERI_FORWARD_MLP(Mode)                                                                                             \
  template void prepare_forward_mlp<Mode>();                                                                                \
  template void forward_mlp<Mode>(cudaStream_t, const Problem&, Mode::Activation*, std::uint16_t*, const Mode::Activation*, \
                                  const float*, const float*, const std::byte*);
CHERI_FORWARD_MLP(Tf32Class)
CHERI_FORWARD_MLP(Bf16)
#undef CHERI_FORWARD_MLP

}   // namespace cheri::nn::hopper
