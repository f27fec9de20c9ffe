#include "nn/kernels/hopper/notice.hpp"

#include <Kokkos_Core.hpp>

namespace cheri::nn::hopper {

namespace tools = Kokkos::Tools;

KernelNotice::KernelNotice(const char* label) : m_is_heard(tools::profileLibraryLoaded()) {
  if (!m_is_heard) return;
  tools::beginParallelFor(label, tools::Experimental::device_id_root<Kokkos::DefaultExecutionSpace>(), &m_kernel);
}

KernelNotice::~KernelNotice() {
  if (m_is_heard) tools::endParallelFor(m_kernel);
}

}   // namespace cheri::nn::hopper
