// Tells Kokkos' tools of kernels that Kokkos does not launch.
#pragma once

#include <cstdint>

namespace cheri::nn::hopper {

/// Around a launch: profilers see it as a parallel_for of this label. Nothing if none listens.
class KernelNotice {
 public:
  explicit KernelNotice(const char* label);
  ~KernelNotice();
  KernelNotice(const KernelNotice&) = delete;
  KernelNotice& operator=(const KernelNotice&) = delete;

 private:
  bool m_is_heard;
  std::uint64_t m_kernel = 0;
};

}   // namespace cheri::nn::hopper
