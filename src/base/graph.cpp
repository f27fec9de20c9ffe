#include "cheri/base/graph.hpp"

namespace cheri {

#if defined(KOKKOS_ENABLE_CUDA)

namespace {

void check_cuda(cudaError_t code, const char* call, const char* file, int line) {
  if (code != cudaSuccess) fail(call, file, line, std::string("CUDA says: ") + cudaGetErrorString(code));
}

}   // namespace

#define CHERI_CUDA_CHECK(call) check_cuda((call), #call, __FILE__, __LINE__)

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
  if (!m_warm) {
    launch();
    m_warm = true;
    return;
  }
  const cudaStream_t stream = exec.cuda_stream();
  if (!m_captured) {
    cudaGraph_t graph = nullptr;
    CHERI_CUDA_CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
    launch();
    CHERI_CUDA_CHECK(cudaStreamEndCapture(stream, &graph));
    m_captured = std::make_shared<Captured>(graph);
  }
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
