// Launches: checked, and told of to Kokkos' tools.
#pragma once

#include "nn/kernels/hopper/notice.hpp"

#include <cuda_runtime.h>

#include <stdexcept>
#include <string>

namespace cheri::nn::hopper {

inline void require_success(cudaError_t status, const char* label) {
  if (status != cudaSuccess) throw std::runtime_error(std::string(label) + ": " + cudaGetErrorString(status));
}

/// Launches a kernel, with one attribute or none.
template <class... Parameters, class... Arguments>
void launch_with(const cudaLaunchAttribute* attribute, const char* label, cudaStream_t stream, void (*kernel)(Parameters...),
                 const dim3& grid, int n_threads, std::size_t shared_bytes, const Arguments&... arguments) {
  cudaLaunchAttribute attributes[1] = {};
  cudaLaunchConfig_t config{};
  config.gridDim = grid;
  config.blockDim = dim3(static_cast<unsigned>(n_threads));
  config.dynamicSmemBytes = shared_bytes;
  config.stream = stream;
  if (attribute != nullptr) {
    attributes[0] = *attribute;
    config.attrs = attributes;
    config.numAttrs = 1;
  }
  const KernelNotice notice(label);
  require_success(cudaLaunchKernelEx(&config, kernel, Parameters(arguments)...), label);
}

/// Launches a kernel that begins when those before it in the stream have ended.
template <class... Parameters, class... Arguments>
void launch_in_order(const char* label, cudaStream_t stream, void (*kernel)(Parameters...), const dim3& grid, int n_threads,
                     std::size_t shared_bytes, const Arguments&... arguments) {
  launch_with(nullptr, label, stream, kernel, grid, n_threads, shared_bytes, arguments...);
}

/// Launches a kernel that may start while the kernel before it in the stream ends. Such a kernel calls await_previous()
/// (device.cuh) before it touches what others write.
template <class... Parameters, class... Arguments>
void launch(const char* label, cudaStream_t stream, void (*kernel)(Parameters...), int n_blocks, int n_threads,
            std::size_t shared_bytes, const Arguments&... arguments) {
  cudaLaunchAttribute overlap{};
  overlap.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  overlap.val.programmaticStreamSerializationAllowed = 1;
  launch_with(&overlap, label, stream, kernel, dim3(static_cast<unsigned>(n_blocks)), n_threads, shared_bytes, arguments...);
}

template <class Kernel>
void allow_shared_memory(Kernel kernel, int bytes, const char* label) {
  require_success(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes), label);
}

inline int multiprocessors() {
  int device = 0, count = 0;
  require_success(cudaGetDevice(&device), "cudaGetDevice");
  require_success(cudaDeviceGetAttribute(&count, cudaDevAttrMultiProcessorCount, device), "cudaDeviceGetAttribute");
  return count;
}

constexpr int ceil_div(int a, int b) { return (a + b - 1) / b; }

}   // namespace cheri::nn::hopper
