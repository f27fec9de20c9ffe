// Memory that the ranks of a node share.
#pragma once

#include "cheri/parallel/communicator.hpp"

#include <cstddef>

namespace cheri::parallel {

/// One block of memory a node, which all of its ranks read and write (MPI_Win_allocate_shared).
class SharedMemory {
 public:
  /// Collective over all ranks. Pages go to whoever writes to them first.
  SharedMemory(const Communicator& communicator, std::size_t bytes);
  /// Collective; while an exception is on its way the block is left to the end of the process.
  ~SharedMemory();
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;

  [[nodiscard]] std::byte* data() const { return m_data; }
  [[nodiscard]] int rank() const { return m_rank; }   ///< of this rank among those of its node
  [[nodiscard]] int size() const { return m_size; }   ///< ranks of this node

  /// Collective over the ranks of a node: what each has written before, all read after.
  void publish() const;

 private:
  MPI_Comm m_node = MPI_COMM_NULL;
  MPI_Win m_window = MPI_WIN_NULL;
  std::byte* m_data = nullptr;
  int m_rank = 0, m_size = 1;
};

/// Ranks of this rank's node. Collective.
int ranks_of_node(const Communicator& communicator);

}   // namespace cheri::parallel
