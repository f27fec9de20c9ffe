// Kokkos 4.5 calls three functions of the CUDA runtime by signatures which CUDA 13 has changed. This header is
// force-included where Kokkos is compiled or used, and offers the former signatures as overloads.
#pragma once

#if defined(__CUDACC__) && defined(__CUDACC_VER_MAJOR__) && __CUDACC_VER_MAJOR__ >= 13
#include <cuda_runtime.h>

inline cudaMemLocation cheri_memory_location(int device) {
  cudaMemLocation location{};
  location.type = device == cudaCpuDeviceId ? cudaMemLocationTypeHost : cudaMemLocationTypeDevice;
  location.id = device == cudaCpuDeviceId ? 0 : device;
  return location;
}

inline cudaError_t cudaMemAdvise(const void* pointer, size_t bytes, cudaMemoryAdvise advice, int device) {
  return cudaMemAdvise(pointer, bytes, advice, cheri_memory_location(device));
}

inline cudaError_t cudaMemPrefetchAsync(const void* pointer, size_t bytes, int device, cudaStream_t stream) {
  return cudaMemPrefetchAsync(pointer, bytes, cheri_memory_location(device), 0, stream);
}

inline cudaError_t cudaGraphAddDependencies(cudaGraph_t graph, const cudaGraphNode_t* from, const cudaGraphNode_t* to,
                                            size_t n) {
  return cudaGraphAddDependencies(graph, from, to, nullptr, n);
}
#endif
