// The ranks of a node.
#pragma once

#include "cheri/parallel/communicator.hpp"

namespace cheri::parallel {

/// Those of this rank's node, in the order of the communicator. Collective; the caller frees it. The barrier has the
/// communicator's timeout, which MPI's own call has not.
inline MPI_Comm node_of(const Communicator& communicator) {
  communicator.barrier();
  MPI_Comm node = MPI_COMM_NULL;
  CHERI_MPI_CHECK(
      MPI_Comm_split_type(communicator.handle(), MPI_COMM_TYPE_SHARED, communicator.rank(), MPI_INFO_NULL, &node));
  return node;
}

}   // namespace cheri::parallel
