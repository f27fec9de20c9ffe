// The backward of the MLP: h, da, dh, dz, dW1, dW2 from z and dout, five products in one persistent kernel.
//
// A block owns one half of the hidden units (so that its halves of dW1 and dW2 fit the registers of two warpgroups for the
// block's whole life) and one part of a gradient slice: a run of 64-row tiles, the same whatever the GPU and the number of
// slices in the call. Warpgroup 0 orders the tiles of z and dout into a ring of three stages. Warpgroups 1 and 2 ("lane v")
// make the hidden units 64v .. 64v+63 of the half for h, da, a, dh, and the channels 64v .. for dz, dW1, dW2:
//
//   h = z W1^T, da = dout (s W2)      a = gelu(h), dh = da gelu'(h)      dz = dh W1      dW1^T += z^T dh, dW2 += dout^T a
//
// The products are ordered so that the matrix unit need not wait for arithmetic: h of the next tile runs under the packing
// of this tile's dz, and this tile's dW under the next tile's gelu. dz leaves by bulk copy in 16 bit: half 0 stores its sum
// over the hidden units, and once that is there, which it publishes, half 1 adds its own to it in the second-level cache, a
// moment behind. It waits for a block of lower index, which GPUs start no later, though CUDA does not promise it. Threads of
// warpgroup 0 do that ("couriers"): where a consumer waited for the other half itself, a call took 30 us more, and giving
// half of the columns to the other block of a cluster cost as much (H100, H200, N 64, L 2114).
//
// Sums for the norm's backward, without touching dz: sum dz z = sum dh h, and sum dz = sum_h dh(h) sum_c W1(h,c).
// Range (Tf32Class): dout comes scaled such that |dh| <= 2^15 (ranges.cuh); dz is scaled down by a bound on its growth.
#include "nn/kernels/hopper/device.cuh"
#include "nn/kernels/hopper/kernels.hpp"
#include "nn/kernels/hopper/launch.hpp"
#include "nn/kernels/hopper/ranges.cuh"
#include "nn/kernels/hopper/tensor_map.hpp"
#include "nn/kernels/hopper/wgmma.cuh"

namespace cheri::nn::hopper {
namespace {

constexpr int threads = 384;
constexpr int consumers = 256;
constexpr int tile_rows = backward_tile_rows;
constexpr int n_stages = 3;

constexpr int half_hidden = hidden / 2;
constexpr int block_bytes = tile_rows * 128;             ///< a column block of 64 rows
constexpr int tile_bytes = 2 * block_bytes;              ///< 64 rows of 128 16-bit numbers
constexpr int weights_bytes = PackedLayout::image / 2;   ///< W1, then W2, of this half
constexpr int weight_block_bytes = half_hidden * 128;
constexpr int shared_linear2 = 2 * weight_block_bytes;
constexpr int shared_stages = weights_bytes;   ///< each z, then dout
constexpr int stage_bytes = 2 * tile_bytes;
constexpr int shared_hidden = shared_stages + n_stages * stage_bytes;   ///< two buffers, each a, then dh
constexpr int hidden_bytes = 2 * tile_bytes;
constexpr int shared_row_sums = shared_hidden + 2 * hidden_bytes;
constexpr int shared_barriers = shared_row_sums + 4 * half_hidden;
constexpr int shared_bytes = shared_barriers + 8 * (2 * n_stages + 4);
static_assert(shared_bytes <= 232448);

template <class Mode>
struct Arguments {
  float4* tile_sums;     ///< (N, tiles, 16): sum dz, sum dz z, max |dz| of this half, as stored
  float* linear_parts;   ///< (parts, 2 halves, {dW1 (128,C), dW2 (C,128)})
  unsigned* published;   ///< (parts, 2 lanes): tiles of dz that half 0 has stored
  const std::byte* packed_layer;
  LayerNorms norms;
  int length, slice_size;
};

/// The tiles of a block's part: `count` of them from `first`, counted over all examples.
struct PartTiles {
  int half, first, count, tiles_per_example;
};

__device__ __forceinline__ PartTiles tiles_of_block(int length, int slice_size) {
  const int half = blockIdx.x & 1, part = static_cast<int>(blockIdx.x) >> 1;
  const int slice = part / FusedMlp::linear_parts, p = part % FusedMlp::linear_parts;
  const int tiles_per_example = ceil_div(length, tile_rows);
  const std::int64_t tiles = static_cast<std::int64_t>(slice_size) * tiles_per_example;
  const int begin = static_cast<int>(tiles * p / FusedMlp::linear_parts),
            end = static_cast<int>(tiles * (p + 1) / FusedMlp::linear_parts);
  return {half, static_cast<int>(slice * tiles) + begin, end - begin, tiles_per_example};
}

/// Where a walk through the tiles of a part is.
struct Cursor {
  int example, row;   ///< of the tile's first row

  __device__ __forceinline__ explicit Cursor(const PartTiles& tiles)
      : example(tiles.first / tiles.tiles_per_example), row(tiles.first % tiles.tiles_per_example * tile_rows) {}
  __device__ __forceinline__ void advance(int length) {
    row += tile_rows;
    if (row >= length) row = 0, ++example;
  }
};

struct Ring {
  unsigned shared;
  __device__ __forceinline__ unsigned stage(int tile) const {
    return shared + shared_stages + tile % n_stages * stage_bytes;
  }
  __device__ __forceinline__ unsigned full(int tile) const { return shared + shared_barriers + 8 * (tile % n_stages); }
  __device__ __forceinline__ unsigned empty(int tile) const { return full(tile) + 8 * n_stages; }
  /// Lane v has packed a tile's dz, and its courier has sent it: completed once a tile.
  __device__ __forceinline__ unsigned packed(int v) const { return shared + shared_barriers + 8 * (2 * n_stages + v); }
  __device__ __forceinline__ unsigned sent(int v) const { return packed(v) + 16; }
  /// a, then dh, of a tile.
  __device__ __forceinline__ unsigned buffer(int tile) const { return shared + shared_hidden + (tile & 1) * hidden_bytes; }
  /// Where lane v's dz of a tile waits for its courier: where the a of the tile before was, and the next tile's will be.
  __device__ __forceinline__ unsigned outbox(int tile, int v) const { return buffer(tile + 1) + v * block_bytes; }
};

/// One thread: the tiles of z and dout, as soon as their stage is free. Rows beyond an example arrive as zeros.
__device__ __forceinline__ void order_tiles(const Ring& ring, const PartTiles& tiles, int length, const CUtensorMap& z,
                                            const CUtensorMap& dout) {
  Cursor at(tiles);
  for (int tile = 0; tile < tiles.count; ++tile, at.advance(length)) {
    if (tile >= n_stages) barrier_wait(ring.empty(tile), tile / n_stages - 1 & 1);
    const unsigned to = ring.stage(tile), barrier = ring.full(tile);
    barrier_arrive_expect(barrier, stage_bytes);
    box_copy(to, z, 0, at.row, at.example, barrier);
    box_copy(to + block_bytes, z, 64, at.row, at.example, barrier);
    box_copy(to + tile_bytes, dout, 0, at.row, at.example, barrier);
    box_copy(to + tile_bytes + block_bytes, dout, 64, at.row, at.example, barrier);
  }
}

/// One thread a lane: dz of the tiles as the lane packs them. Rows beyond an example are not written. `published`: tiles of
/// dz that this lane of half 0 has stored.
__device__ __forceinline__ void send_tiles(const Ring& ring, const PartTiles& tiles, int length, int v, unsigned* published,
                                           const CUtensorMap& dz) {
  Cursor at(tiles);
  for (int tile = 0; tile < tiles.count; ++tile, at.advance(length)) {
    const unsigned from = ring.outbox(tile, v), so_far = static_cast<unsigned>(tile + 1);
    if (tiles.half == 1) {
      await_published(published, so_far);
      fence_async_proxy_global();   // the copy engine must see what the other block's has stored
    }
    barrier_wait(ring.packed(v), tile & 1);
    if (tiles.half == 0) {
      box_store(dz, 64 * v, at.row, at.example, from);
    } else {
      box_add(dz, 64 * v, at.row, at.example, from);
    }
    stores_wait_read();
    barrier_arrive(ring.sent(v));
    if (tiles.half == 1) continue;
    stores_wait();
    publish(published, so_far);
  }
  stores_wait();
}

/// The products of warpgroup lane v.
template <class Operand>
struct Products {
  unsigned shared;
  int v;

  /// The product over the 128 columns of a left tile; to_right(k): bytes to the right operand's k-th step.
  template <bool transposed_right, class Step>
  static __device__ __forceinline__ void over_columns(float (&d)[32], std::uint64_t left, std::uint64_t right,
                                                      Step to_right) {
    Product<Operand>::template start<false, transposed_right>(d, left, right);
#pragma unroll
    for (int k = 1; k < 8; ++k) {
      Product<Operand>::template step<false, transposed_right>(d, advanced(left, k / 4 * block_bytes + k % 4 * operand_step),
                                                               advanced(right, to_right(k)));
    }
  }
  static __device__ __forceinline__ int along_columns(int k) { return k / 4 * weight_block_bytes + k % 4 * operand_step; }
  static __device__ __forceinline__ int along_rows(int k) { return k * transposed_step; }

  /// h = z W1^T.
  __device__ __forceinline__ void hidden_layer(float (&h)[32], unsigned stage) const {
    products_begin();
    over_columns<false>(h, operand(stage), operand(shared + v * block_bytes), along_columns);
    products_commit();
  }

  /// da = dout W2.
  __device__ __forceinline__ void activation_gradient(float (&da)[32], unsigned stage) const {
    products_begin();
    over_columns<true>(da, operand(stage + tile_bytes),
                       operand(shared + shared_linear2 + v * weight_block_bytes, weight_block_bytes), along_rows);
    products_commit();
  }

  /// dz = dh W1.
  __device__ __forceinline__ void input_gradient(float (&dz)[32], unsigned buffer) const {
    products_begin();
    over_columns<true>(dz, operand(buffer + tile_bytes), operand(shared + v * weight_block_bytes, weight_block_bytes),
                       along_rows);
    products_commit();
  }

  /// dW2 += dout^T a, dW1^T += z^T dh.
  __device__ __forceinline__ void weight_gradients(float (&d_linear2)[64], float (&d_linear1)[64], unsigned stage,
                                                   unsigned buffer) const {
    const std::uint64_t z = operand(stage + v * block_bytes, block_bytes);
    const std::uint64_t dout = operand(stage + tile_bytes + v * block_bytes, block_bytes);
    const std::uint64_t a = operand(buffer, block_bytes), dh = operand(buffer + tile_bytes, block_bytes);
    products_begin();
#pragma unroll
    for (int k = 0; k < 4; ++k) {
      const int step = along_rows(k);
      Product<Operand>::template step<true, true>(d_linear2, advanced(dout, step), advanced(a, step));
      Product<Operand>::template step<true, true>(d_linear1, advanced(z, step), advanced(dh, step));
    }
    products_commit();
  }
};

/// A thread's place in the fragments of a warpgroup.
struct Place {
  int warp, row, column;   ///< rows `row` and row + 8, columns 8j + column and + 1

  __device__ __forceinline__ Place()
      : warp(static_cast<int>(threadIdx.x) / 32 & 3),
        row(16 * warp + static_cast<int>(threadIdx.x) % 32 / 4),
        column(2 * (static_cast<int>(threadIdx.x) & 3)) {}
};

struct DzSums {
  float plain = 0, weighted = 0, largest = 0;   ///< sum dz, sum dz z, max |dz| as stored
};

/// a = gelu(h) and dh = da gelu'(h) into this lane's column block of the buffer, and a thread's share of the sums.
template <class Operand>
__device__ __forceinline__ DzSums activate(const float (&h)[32], const float (&da)[32], unsigned buffer,
                                           const float* row_sums, const Place& place) {
  DzSums sums;
#pragma unroll
  for (int j = 0; j < 8; ++j) {
    const float2 row_sum = *reinterpret_cast<const float2*>(row_sums + 8 * j + place.column);
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      const float h0 = h[4 * j + 2 * i], h1 = h[4 * j + 2 * i + 1];
      const GeluAndDerivative g0 = gelu_and_derivative(h0), g1 = gelu_and_derivative(h1);
      const float dh0 = g0.derivative * da[4 * j + 2 * i], dh1 = g1.derivative * da[4 * j + 2 * i + 1];
      sums.plain = fmaf(dh0, row_sum.x, fmaf(dh1, row_sum.y, sums.plain));
      sums.weighted = fmaf(dh0, h0, fmaf(dh1, h1, sums.weighted));
      const int at = swizzled(place.row + 8 * i, 8 * j + place.column);
      store_shared(buffer + at, pack_pair_saturated<Operand>(g0.value, g1.value));
      store_shared(buffer + tile_bytes + at, pack_pair<Operand>(dh0, dh1));
    }
  }
  return sums;
}

/// A fragment of dz, times scale, as a column block of 16-bit numbers; the largest of them, if they are fp16.
template <class Operand>
__device__ __forceinline__ float store_fragment(unsigned block, const float (&dz)[32], float scale, const Place& place) {
  __half2 largest = __float2half2_rn(0.f);
#pragma unroll
  for (int j = 0; j < 8; ++j) {
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      const unsigned word = pack_pair<Operand>(scale * dz[4 * j + 2 * i], scale * dz[4 * j + 2 * i + 1]);
      store_shared(block + swizzled(place.row + 8 * i, 8 * j + place.column), word);
      if constexpr (std::is_same_v<Operand, __half>) {
        largest = __hmax2(largest, __habs2(*reinterpret_cast<const __half2*>(&word)));
      }
    }
  }
  return fmaxf(__low2float(largest), __high2float(largest));
}

__device__ __forceinline__ void write_sums(float4* to, DzSums sums) {
  const float4 of_warp =
      make_float4(warp_sum(sums.plain), warp_sum(sums.weighted), warp_largest(magnitude_bits(sums.largest)), 0);
  if (threadIdx.x % 32 == 0) *to = of_warp;
}

/// dW1 and dW2 of the block: dW1 (128 hidden, C), then dW2 (C, 128 hidden).
__device__ __forceinline__ void write_weight_gradients(float* part, const float (&d_linear2)[64],
                                                       const float (&d_linear1)[64], int v, const Place& place) {
  float* const d1 = part;
  float* const d2 = part + half_hidden * channels;
#pragma unroll
  for (int j = 0; j < 16; ++j) {
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      const int c = 64 * v + place.row + 8 * i, h = 8 * j + place.column;
      *reinterpret_cast<float2*>(d2 + c * half_hidden + h) =
          make_float2(d_linear2[4 * j + 2 * i], d_linear2[4 * j + 2 * i + 1]);
      d1[h * channels + c] = d_linear1[4 * j + 2 * i];
      d1[(h + 1) * channels + c] = d_linear1[4 * j + 2 * i + 1];
    }
  }
}

/// One warpgroup's walk through the tiles of its block.
template <class Mode>
struct Consumer {
  using Operand = typename Format<Mode>::Operand;
  const Arguments<Mode>& p;
  const Ring& ring;
  const PartTiles& tiles;
  const float* row_sums;   ///< of this lane's hidden units
  float dz_scale;
  int v;
  Place place;
  Products<Operand> products;

  __device__ __forceinline__ void wait_for(int tile) const { barrier_wait(ring.full(tile), tile / n_stages & 1); }

  /// a and dh of a tile, from h and da.
  __device__ __forceinline__ DzSums activate_tile(int tile, const float (&h)[32], const float (&da)[32]) const {
    const DzSums sums = activate<Operand>(h, da, ring.buffer(tile) + v * block_bytes, row_sums, place);
    fence_async_proxy();
    return sums;
  }

  /// The barrier also keeps ptxas from moving the products that follow above it: it would run out of registers and
  /// serialise all products (C7512).
  __device__ __forceinline__ void pack_dz(int tile, DzSums& sums, const float (&dz)[32]) const {
    sums.largest = store_fragment<Operand>(ring.outbox(tile, v), dz, dz_scale, place);
    fence_async_proxy();
    sync_threads(2 + v, 128);
    if ((threadIdx.x & 127) == 0) barrier_arrive(ring.packed(v));
  }
  __device__ __forceinline__ void await_courier(int tile) const { barrier_wait(ring.sent(v), tile & 1); }
  __device__ __forceinline__ void write_tile_sums(int tile, const DzSums& sums) const {
    write_sums(
        p.tile_sums + static_cast<std::size_t>(tiles.first + tile) * sums_per_tile + tiles.half * 8 + v * 4 + place.warp,
        sums);
  }

  __device__ __forceinline__ void run() const {
    float d_linear2[64] = {}, d_linear1[64] = {};
    const int last = tiles.count - 1;
    DzSums sums;
    if (last >= 0) {
      float h[32], da[32];
      wait_for(0);
      products.hidden_layer(h, ring.stage(0));
      products.activation_gradient(da, ring.stage(0));
      products_wait<0>();
      pin(h), pin(da);
      sums = activate_tile(0, h, da);
      sync_threads(1, consumers);
    }
    for (int tile = 0; tile < last; ++tile) {
      float dz[32], h[32], da[32];
      products.input_gradient(dz, ring.buffer(tile));
      wait_for(tile + 1);
      products.hidden_layer(h, ring.stage(tile + 1));
      products_wait<1>();
      pin(dz);
      pack_dz(tile, sums, dz);
      products.activation_gradient(da, ring.stage(tile + 1));
      pin(d_linear2), pin(d_linear1);
      products.weight_gradients(d_linear2, d_linear1, ring.stage(tile), ring.buffer(tile));
      write_tile_sums(tile, sums);
      await_courier(tile);
      products_wait<1>();
      pin(h), pin(da);
      sums = activate_tile(tile + 1, h, da);
      products_wait<0>();
      pin(d_linear2), pin(d_linear1);
      barrier_arrive(ring.empty(tile));
      sync_threads(1, consumers);
    }
    if (last >= 0) {
      float dz[32];
      products.input_gradient(dz, ring.buffer(last));
      pin(d_linear2), pin(d_linear1);
      products.weight_gradients(d_linear2, d_linear1, ring.stage(last), ring.buffer(last));
      products_wait<1>();
      pin(dz);
      pack_dz(last, sums, dz);
      write_tile_sums(last, sums);
      products_wait<0>();
      pin(d_linear2), pin(d_linear1);
    }
    write_weight_gradients(p.linear_parts + static_cast<std::size_t>(blockIdx.x) * (FusedMlp::part_floats() / 2), d_linear2,
                           d_linear1, v, place);
  }
};

/// What does not depend on the kernels before: barriers, weights, row sums.
__device__ __forceinline__ void set_up(const Ring& ring, std::byte* shared, const std::byte* packed_layer, int half) {
  const auto* const weights = reinterpret_cast<const uint4*>(packed_layer + PackedLayout::backward + half * weights_bytes);
  for (int i = threadIdx.x; i < weights_bytes / 16; i += threads) reinterpret_cast<uint4*>(shared)[i] = weights[i];
  if (threadIdx.x < half_hidden) {
    const float* const row_sums = reinterpret_cast<const float*>(packed_layer + PackedLayout::row_sums) + half * half_hidden;
    reinterpret_cast<float*>(shared + shared_row_sums)[threadIdx.x] = row_sums[threadIdx.x];
  }
  if (threadIdx.x == 0) {
    for (int i = 0; i < n_stages; ++i) barrier_init(ring.full(i), 1), barrier_init(ring.empty(i), consumers);
    for (int v = 0; v < 2; ++v) barrier_init(ring.packed(v), 1), barrier_init(ring.sent(v), 1);
    fence_barrier_init();
  }
  fence_async_proxy();
}

template <class Mode>
__global__ void __launch_bounds__(threads, 1)
    backward_mlp_kernel(const __grid_constant__ CUtensorMap z, const __grid_constant__ CUtensorMap dout,
                        const __grid_constant__ CUtensorMap dz, const Arguments<Mode> p) {
  extern __shared__ __align__(1024) std::byte shared[];
  const PartTiles tiles = tiles_of_block(p.length, p.slice_size);
  const Ring ring{shared_address(shared)};
  set_up(ring, shared, p.packed_layer, tiles.half);
  await_previous();
  __syncthreads();

  const int warpgroup = warpgroup_index();
  if (warpgroup == 0) {
    give_registers<24>();
    const int warp = static_cast<int>(threadIdx.x) / 32;
    if (threadIdx.x == 0) order_tiles(ring, tiles, p.length, z, dout);
    if (threadIdx.x % 32 == 0 && (warp == 1 || warp == 2)) {
      send_tiles(ring, tiles, p.length, warp - 1, p.published + (blockIdx.x & ~1u) + warp - 1, dz);
    }
  } else {
    take_registers<240>();
    const int v = warpgroup - 1;
    const float* const row_sums = reinterpret_cast<const float*>(shared + shared_row_sums) + 64 * v;
    const float dz_scale = Format<Mode>::is_scaled ? packed_dz_scale(p.norms) : 1.f;
    Consumer<Mode>{p, ring, tiles, row_sums, dz_scale, v, Place(), {ring.shared, v}}.run();
  }
}

}   // namespace

template <class Mode>
void prepare_backward_mlp() {
  allow_shared_memory(backward_mlp_kernel<Mode>, shared_bytes, "cheri::nn::hopper::backward_mlp");
}

template <class Mode>
void backward_mlp(cudaStream_t stream, const Problem& problem, const typename Mode::Activation* gradient_NLC,
                  const std::uint16_t* saved_z, const std::byte* packed_layer, const BackwardScratch& scratch) {
  using F = Format<Mode>;
  const void* const dout = F::is_scaled ? static_cast<const void*>(scratch.scaled) : gradient_NLC;
  const auto map = [&](const void* rows, int examples) {
    return rows_map<typename F::Operand>(rows, examples, problem.length, channels, tile_rows);
  };
  const Arguments<Mode> arguments{
      scratch.tile_sums, scratch.linear_parts, scratch.published, packed_layer, norms_of(problem.width, packed_layer),
      problem.length,    problem.slice_size};
  const int n_blocks = 2 * FusedMlp::linear_parts * problem.n_slices();
  launch("cheri::nn::hopper::backward_mlp", stream, backward_mlp_kernel<Mode>, n_blocks, threads, shared_bytes,
         map(saved_z, problem.examples), map(dout, problem.examples), map(scratch.dz, problem.examples), arguments);
}

#define CHERI_BACKWARD_MLP(Mode)                                                                                \
  template void prepare_backward_mlp<Mode>();                                                                   \
  template void backward_mlp<Mode>(cudaStream_t, const Problem&, const Mode::Activation*, const std::uint16_t*, \
                                   const std::byte*, const BackwardScratch&);
CHERI_BACKWARD_MLP(Tf32Class)
CHERI_BACKWARD_MLP(Bf16)
#undef CHERI_BACKWARD_MLP

}   // namespace cheri::nn::hopper
