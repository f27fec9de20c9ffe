// NVIDIA's library for exchanges between GPUs, where Cheri was built with it.
#pragma once

#include "cheri/parallel/transport.hpp"

#include <memory>
#include <string>

namespace cheri::parallel {

/// Why NCCL cannot be used by this program, whatever the machine; empty: it can.
std::string nccl_absence();

/// Collective; each rank has a GPU of its own. Throws Error with NCCL's own text.
std::shared_ptr<Transport<Device>> nccl_transport(const std::shared_ptr<const Communicator>& ranks);

}   // namespace cheri::parallel
