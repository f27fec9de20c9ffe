// Device functions that every kernel here shares.
#pragma once

namespace cheri::nn::hopper {

/// Waits for the kernels before this one in the stream, then lets the next one start. What a kernel does before it (its
/// barriers, its copy of the packed weights) overlaps their end. As every kernel here waits before it releases the next,
/// whatever was written two launches ago may be read before the call.
__device__ __forceinline__ void await_previous() {
  asm volatile("griddepcontrol.wait;" ::: "memory");
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
}

/// Tells other blocks that what this thread has written is there.
__device__ __forceinline__ void publish(unsigned* flag, unsigned value) {
  asm volatile("st.release.gpu.global.u32 [%0], %1;" ::"l"(flag), "r"(value) : "memory");
}
/// Waits until another block has published so much.
__device__ __forceinline__ void await_published(const unsigned* flag, unsigned value) {
  unsigned published = 0;
  do {
    asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(published) : "l"(flag) : "memory");
  } while (published < value);
}

__device__ __forceinline__ float warp_sum(float value) {
#pragma unroll
  for (int step = 16; step > 0; step /= 2) value += __shfl_xor_sync(~0u, value, step);
  return value;
}

/// Bits of |value|: as integers they compare like the numbers, and NaN is the largest.
__device__ __forceinline__ unsigned magnitude_bits(float value) { return __float_as_uint(value) & 0x7fffffffu; }

/// The largest magnitude among the lanes' bits, in every lane.
__device__ __forceinline__ float warp_largest(unsigned bits) { return __uint_as_float(__reduce_max_sync(~0u, bits)); }

/// Division of 0 <= n < 2^31 by a constant of the launch.
struct Divisor {
  unsigned divisor, multiplier, shift;

  Divisor() = default;
  explicit Divisor(int d) : divisor(static_cast<unsigned>(d)), multiplier(0), shift(0) {
    while ((1ull << shift) < divisor) ++shift;
    multiplier = static_cast<unsigned>(((1ull << 31) << shift) / divisor + 1);
  }
  __device__ __forceinline__ int quotient(int n) const {
    return static_cast<int>(static_cast<unsigned long long>(static_cast<unsigned>(n)) * multiplier >> (31 + shift));
  }
};

}   // namespace cheri::nn::hopper
