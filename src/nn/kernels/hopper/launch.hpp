// Checked launches.
#pragma once

#include <cuda_runtime.h>

#include <stdexcept>
#include <string>

namespace cheri::nn::hopper {

inline void require_success(cudaError_t status, const char* label) {
  if (status != cudaSuccess) throw std::runtime_error(std::string(label) + ": " + cudaGetErrorString(status));
}

/// Launches a kernel that may start while the kernel before it in the stream ends. Such a kernel calls await_previous()
/// (device.cuh) before it touches what others write.
template <class... Parameters, class... Arguments>
void launch(const char* label, cudaStream_t stream, void (*kernel)(Parameters...), int n_blocks, int n_threads,
            int shared_bytes, const Arguments&... arguments) {
  cudaLaunchAttribute overlap{};
  overlap.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  overlap.val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(static_cast<unsigned>(n_blocks));
  config.blockDim = dim3(static_cast<unsigned>(n_threads));
  config.dynamicSmemBytes = static_cast<std::size_t>(shared_bytes);
  config.stream = stream;
  config.attrs = &overlap;
  config.numAttrs = 1;
  require_success(cudaLaunchKernelEx(&config, kernel, Parameters(arguments)...), label);
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
