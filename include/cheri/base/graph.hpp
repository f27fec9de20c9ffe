// A sequence of kernels that is launched as one: on CUDA a graph, captured from the kernels' own launches; elsewhere the
// launches themselves.
#pragma once

#include "cheri/base/check.hpp"
#include "cheri/base/types.hpp"

#include <functional>
#include <memory>

namespace cheri {

template <class Exec>
class Graph {
 public:
  /// Enqueues what `launch` enqueues on exec. `launch` itself is called the first time (so that what is taken once is
  /// taken), and on CUDA the second time, to be captured; from then on its kernels are replayed with the arguments that they
  /// had. It must not wait, nor read on the host what its kernels write. While a profiling tool listens nothing is captured.
  void run(const Exec& exec, const std::function<void()>& launch);

  /// The next run() calls `launch` again: some argument of its kernels has changed.
  void forget() { m_captured.reset(); }

 private:
  struct Captured;
  bool m_warm = false;
  std::shared_ptr<Captured> m_captured;
};

}   // namespace cheri
