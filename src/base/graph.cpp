#include "cheri/base/graph.hpp"

namespace cheri {

#if defined(KOKKOS_ENABLE_CUDA)

namespace {

void check_cuda(cudaError_t code, const char* call, const char* file, int line) {
  if (code != cudaSuccess) fail(call, file, line, std::string("CUDA says: ") + cudaGetErrorString(code));
}

#define CHERI_CUDA_CHECK(call) check_cuda((call), #call, __FILE__, __LINE__)

/// Whether a profiling tool is told of kernels: Kokkos then waits for each of them, which a capture cannot.
bool is_watched() {
  const auto callbacks = Kokkos::Tools::Experimental::get_callbacks();
  return callbacks.begin_parallel_for != nullptr || callbacks.begin_deep_copy != nullptr || callbacks.begin_fence != nullptr;
}

/// What `launch` enqueues on the stream. If it throws, the capture ends first: whoever catches may need the device.
cudaGraph_t capture(cudaStream_t stream, const std::function<void()>& launch) {
  cudaGraph_t graph = nullptr;
  CHERI_CUDA_CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  try {
    launch();
  } catch (...) {
    if (cudaStreamEndCapture(stream, &graph) == cudaSuccess) cudaGraphDestroy(graph);
    throw;
  }
  CHERI_CUDA_CHECK(cudaStreamEndCapture(stream, &graph));
  return graph;
}

}   // namespace

template <>
struct Graph<Kokkos::Cuda>::Captured {
  explicit Captured(cudaGraph_t graph) {
    CHERI_CUDA_CHECK(cudaGraphInstantiate(&executable, graph, 0));
    CHERI_CUDA_CHECK(cudaGraphDestroy(graph));
  }
  ~Captured() { cudaGraphExecDestroy(executable); }
  Captured(const Captured&) = delete;
  Captured& operator=(const Captured&) = delete;

  cudaGraphExec_t executable = nullptr;
};

template <>
void Graph<Kokkos::Cuda>::run(const Kokkos::Cuda& exec, const std::function<void()>& launch) {
  if (!m_warm || is_watched()) {
    launch();
    m_warm = true;
    return;
  }
  const cudaStream_t stream = exec.cuda_stream();
  if (!m_captured) m_captured = std::make_shared<Captured>(capture(stream, launch));
  CHERI_CUDA_CHECK(cudaGraphLaunch(m_captured->executable, stream));
}

#endif

template <>
struct Graph<Host>::Captured {};

template <>
void Graph<Host>::run(const Host&, const std::function<void()>& launch) {
  launch();
}

}   // namespace cheri
