// The Hopper instructions that the kernels use, each under a name: barriers in shared memory, bulk copies, and products of a
// warpgroup (wgmma).
//
// An operand tile in shared memory is stored in column blocks of 64 16-bit numbers, that is in rows of 128 bytes, whose
// 16-byte chunks are permuted: chunk k of row r lies at k ^ (r & 7) ("128-byte swizzle"). One such tile serves products that
// run over its columns (k-major) as well as over its rows (transposed), so that all five products of the backward share it.
//
// Accumulator fragments of a 64 x N product: element 4j + 2i + e of a thread is row 16 * warp + lane / 4 + 8i, column
// 8j + 2 (lane % 4) + e.
#pragma once

#include "nn/kernels/hopper/formats.cuh"

#include <cuda.h>

namespace cheri::nn::hopper {

__device__ __forceinline__ unsigned shared_address(const void* p) {
  return static_cast<unsigned>(__cvta_generic_to_shared(p));
}

/// Index of the warpgroup in the block, in a uniform register: descriptors that depend on it then stay in uniform registers.
__device__ __forceinline__ int warpgroup_index() { return __shfl_sync(~0u, static_cast<int>(threadIdx.x) / 128, 0); }

// ---- barriers and fences -------------------------------------------------------------------------------------------------

__device__ __forceinline__ void barrier_init(unsigned barrier, int arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(barrier), "r"(arrivals) : "memory");
}
/// Makes initialised barriers visible to the copy engine.
__device__ __forceinline__ void fence_barrier_init() { asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory"); }

__device__ __forceinline__ void barrier_arrive(unsigned barrier) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(barrier) : "memory");
}
/// Arrives, and makes the phase wait for `bytes` of bulk copies.
__device__ __forceinline__ void barrier_arrive_expect(unsigned barrier, unsigned bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier), "r"(bytes) : "memory");
}
/// Waits for the end of the phase of this parity.
__device__ __forceinline__ void barrier_wait(unsigned barrier, int parity) {
  asm volatile(
      "{\n.reg .pred done;\nagain: mbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1;\n@!done bra again;\n}\n" ::"r"(
          barrier),
      "r"(parity)
      : "memory");
}

/// Between ordinary accesses to shared memory and those of the matrix unit or the copy engine.
__device__ __forceinline__ void fence_async_proxy() { asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); }

/// The same of global memory.
__device__ __forceinline__ void fence_async_proxy_global() { asm volatile("fence.proxy.async.global;" ::: "memory"); }

/// Named barrier among `threads` threads of the block.
__device__ __forceinline__ void sync_threads(int name, int threads) {
  asm volatile("bar.sync %0, %1;" ::"r"(name), "r"(threads) : "memory");
}

template <int registers>
__device__ __forceinline__ void take_registers() {
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(registers));
}
template <int registers>
__device__ __forceinline__ void give_registers() {
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(registers));
}

// ---- shared memory and copies
// ----------------------------------------------------------------------------------------------

/// The run of 16 bytes at an address.
template <class Element>
__device__ __forceinline__ Run<Element, 16 / sizeof(Element)> load_shared_run(unsigned address) {
  Run<Element, 16 / sizeof(Element)> run;
  asm volatile("ld.shared.v4.b32 {%0, %1, %2, %3}, [%4];"
               : "=r"(run.words[0]), "=r"(run.words[1]), "=r"(run.words[2]), "=r"(run.words[3])
               : "r"(address)
               : "memory");
  return run;
}
__device__ __forceinline__ void store_shared(unsigned address, unsigned word) {
  asm volatile("st.shared.b32 [%0], %1;" ::"r"(address), "r"(word) : "memory");
}

/// The box of a tensor map at (column, row, example); what lies outside of the tensor is filled with zeros.
__device__ __forceinline__ void box_copy(unsigned to, const CUtensorMap& map, int column, int row, int example,
                                         unsigned barrier) {
  asm volatile(
      "cp.async.bulk.tensor.3d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3, %4}], [%5];" ::
          "r"(to),
      "l"(&map), "r"(column), "r"(row), "r"(example), "r"(barrier)
      : "memory");
}

/// The same from shared to global memory; what lies outside of the tensor is not written. The thread must not end before
/// stores_wait().
__device__ __forceinline__ void box_store(const CUtensorMap& map, int column, int row, int example, unsigned from) {
  asm volatile(
      "cp.async.bulk.tensor.3d.global.shared::cta.tile.bulk_group [%0, {%1, %2, %3}], [%4];\n"
      "cp.async.bulk.commit_group;" ::"l"(&map),
      "r"(column), "r"(row), "r"(example), "r"(from)
      : "memory");
}
/// The same, added to what is there, in the format of the map.
__device__ __forceinline__ void box_add(const CUtensorMap& map, int column, int row, int example, unsigned from) {
  asm volatile(
      "cp.reduce.async.bulk.tensor.3d.global.shared::cta.add.tile.bulk_group [%0, {%1, %2, %3}], [%4];\n"
      "cp.async.bulk.commit_group;" ::"l"(&map),
      "r"(column), "r"(row), "r"(example), "r"(from)
      : "memory");
}
/// Shared memory of all of this thread's stores has been read.
__device__ __forceinline__ void stores_wait_read() { asm volatile("cp.async.bulk.wait_group.read 0;" ::: "memory"); }
__device__ __forceinline__ void stores_wait() { asm volatile("cp.async.bulk.wait_group 0;" ::: "memory"); }

// ---- operand tiles
// ---------------------------------------------------------------------------------------------------------

/// Byte offset of (row, column < 64) in a column block.
__host__ __device__ __forceinline__ int swizzled(int row, int column) {
  return row * 128 + ((((column >> 3) ^ row) & 7) << 4) + (column & 7) * 2;
}

inline constexpr int operand_step = 32;            ///< bytes from one k16 step to the next along the columns
inline constexpr int transposed_step = 16 * 128;   ///< along the rows

/// Descriptor of an operand at a shared address. block_stride: bytes from one column block to the next, which only
/// transposed operands need.
__device__ __forceinline__ std::uint64_t operand(unsigned address, int block_stride = 16) {
  constexpr std::uint64_t eight_rows = 1024, swizzle_128 = 1;
  return static_cast<std::uint64_t>((address & 0x3ffff) >> 4) | static_cast<std::uint64_t>(block_stride >> 4) << 16 |
         (eight_rows >> 4) << 32 | swizzle_128 << 62;
}
/// The operand `bytes` further on.
__device__ __forceinline__ std::uint64_t advanced(std::uint64_t descriptor, int bytes) { return descriptor + (bytes >> 4); }

// ---- products
// --------------------------------------------------------------------------------------------------------------

__device__ __forceinline__ void products_begin() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
__device__ __forceinline__ void products_commit() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }
/// Waits until at most `pending` committed groups are unfinished.
template <int pending>
__device__ __forceinline__ void products_wait() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(pending) : "memory");
}
/// Keeps the compiler from moving accesses to accumulators across this point.
template <int n>
__device__ __forceinline__ void pin(float (&accumulator)[n]) {
#pragma unroll
  for (int i = 0; i < n; ++i) asm volatile("" : "+f"(accumulator[i])::"memory");
}

// One k16 step: `start` sets the accumulator to left right, `step` adds it. left: four registers of fragments, or, like
// right, a tile in shared memory. transposed_*: the operand's tile is stored with its rows along k.
#define CHERI_ACCUMULATORS8(sign, d, b) \
  sign(d[b]), sign(d[b + 1]), sign(d[b + 2]), sign(d[b + 3]), sign(d[b + 4]), sign(d[b + 5]), sign(d[b + 6]), sign(d[b + 7])
#define CHERI_ACCUMULATORS32(sign, d)                                                                 \
  CHERI_ACCUMULATORS8(sign, d, 0), CHERI_ACCUMULATORS8(sign, d, 8), CHERI_ACCUMULATORS8(sign, d, 16), \
      CHERI_ACCUMULATORS8(sign, d, 24)
#define CHERI_ACCUMULATORS64(sign, d)                                                                \
  CHERI_ACCUMULATORS32(sign, d), CHERI_ACCUMULATORS8(sign, d, 32), CHERI_ACCUMULATORS8(sign, d, 40), \
      CHERI_ACCUMULATORS8(sign, d, 48), CHERI_ACCUMULATORS8(sign, d, 56)
#define CHERI_OUT "=f"
#define CHERI_IN_OUT "+f"
#define CHERI_NAMES32 \
  "%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31"
#define CHERI_NAMES64                                                                                                 \
  CHERI_NAMES32                                                                                                       \
  ",%32,%33,%34,%35,%36,%37,%38,%39,%40,%41,%42,%43,%44,%45,%46,%47,%48,%49,%50,%51,%52,%53,%54,%55,%56,%57,%58,%59," \
  "%60,%61,%62,%63"
#define CHERI_WGMMA(columns, type, accumulate) \
  "{\n.reg .pred p;\nsetp.ne.b32 p, " #accumulate ", 0;\nwgmma.mma_async.sync.aligned.m64n" #columns "k16.f32." type "." type

#define CHERI_STEPS(name, columns, size, type, accumulate, sign, r0, r1, r2, r3, r4)                                      \
  static __device__ __forceinline__ void name(float(&d)[size], const unsigned(&left)[4], std::uint64_t right) {           \
    asm volatile(CHERI_WGMMA(columns, type, accumulate) " {" CHERI_NAMES##size "},{%" #r0 ",%" #r1 ",%" #r2 ",%" #r3      \
                                                                               "},%" #r4 ",p,1,1,0;\n}\n"                 \
                 : CHERI_ACCUMULATORS##size(sign, d)                                                                      \
                 : "r"(left[0]), "r"(left[1]), "r"(left[2]), "r"(left[3]), "l"(right));                                   \
  }                                                                                                                       \
  template <bool transposed_left, bool transposed_right>                                                                  \
  static __device__ __forceinline__ void name(float(&d)[size], std::uint64_t left, std::uint64_t right) {                 \
    asm volatile(CHERI_WGMMA(columns, type, accumulate) " {" CHERI_NAMES##size "},%" #r0 ",%" #r1 ",p,1,1,%" #r2 ",%" #r3 \
                                                                               ";\n}\n"                                   \
                 : CHERI_ACCUMULATORS##size(sign, d)                                                                      \
                 : "l"(left), "l"(right), "n"(transposed_left), "n"(transposed_right));                                   \
  }

template <class Operand>
struct Product;

#define CHERI_PRODUCT(Operand, type)                                      \
  template <>                                                             \
  struct Product<Operand> {                                               \
    CHERI_STEPS(start, 64, 32, type, 0, CHERI_OUT, 32, 33, 34, 35, 36)    \
    CHERI_STEPS(step, 64, 32, type, 1, CHERI_IN_OUT, 32, 33, 34, 35, 36)  \
    CHERI_STEPS(step, 128, 64, type, 1, CHERI_IN_OUT, 64, 65, 66, 67, 68) \
  };
CHERI_PRODUCT(__half, "f16")
CHERI_PRODUCT(__nv_bfloat16, "bf16")
#undef CHERI_PRODUCT
#undef CHERI_STEPS
#undef CHERI_WGMMA
#undef CHERI_NAMES64
#undef CHERI_NAMES32
#undef CHERI_IN_OUT
#undef CHERI_OUT
#undef CHERI_ACCUMULATORS64
#undef CHERI_ACCUMULATORS32
#undef CHERI_ACCUMULATORS8

}   // namespace cheri::nn::hopper
