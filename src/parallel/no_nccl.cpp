#include "nccl.hpp"

#include "cheri/base/check.hpp"

namespace cheri::parallel {

std::string nccl_absence() {
  return has_separate_device ? "this program was built without NCCL"
                             : "NCCL is for GPUs, and this program was built for cores";
}

std::shared_ptr<Transport<Device>> nccl_transport(const std::shared_ptr<const Communicator>&) {
  throw Error(nccl_absence());
}

}   // namespace cheri::parallel
