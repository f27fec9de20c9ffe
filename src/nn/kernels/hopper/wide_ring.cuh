// The ring of stages in shared memory through which a wide product's operands come: one warp orders them, two warpgroups
// multiply.
#pragma once

#include "nn/kernels/hopper/wgmma.cuh"

namespace cheri::nn::hopper {

inline constexpr int wide_consumers = 256;
inline constexpr int wide_threads = wide_consumers + 32;

template <int stage_bytes>
struct WideRing {
  static constexpr int n_stages = 3;
  static constexpr int bytes = n_stages * stage_bytes + 2 * 8 * n_stages;   ///< stages, then barriers
  unsigned shared;

  [[nodiscard]] __device__ __forceinline__ unsigned stage(int step) const { return shared + step % n_stages * stage_bytes; }
  [[nodiscard]] __device__ __forceinline__ unsigned full(int step) const {
    return shared + n_stages * stage_bytes + 8 * (step % n_stages);
  }
  [[nodiscard]] __device__ __forceinline__ unsigned empty(int step) const { return full(step) + 8 * n_stages; }

  /// By one thread, before the block's first barrier.
  __device__ __forceinline__ void set_up() const {
    for (int i = 0; i < n_stages; ++i) barrier_init(full(i), 1), barrier_init(empty(i), wide_consumers);
    fence_barrier_init();
  }
  /// By the thread that orders: waits until the stage of this step is free, and makes the step wait for its copies.
  __device__ __forceinline__ void begin_stage(int step) const {
    if (step >= n_stages) barrier_wait(empty(step), step / n_stages - 1 & 1);
    barrier_arrive_expect(full(step), stage_bytes);
  }
  /// By all that multiply.
  __device__ __forceinline__ void await_stage(int step) const { barrier_wait(full(step), step / n_stages & 1); }
};

}   // namespace cheri::nn::hopper
