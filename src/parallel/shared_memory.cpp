#include "cheri/parallel/shared_memory.hpp"

#include "node.hpp"

#include <exception>

namespace cheri::parallel {

SharedMemory::SharedMemory(const Communicator& communicator, std::size_t bytes) : m_node(node_of(communicator)) {
  CHERI_MPI_CHECK(MPI_Comm_rank(m_node, &m_rank));
  CHERI_MPI_CHECK(MPI_Comm_size(m_node, &m_size));
  void* own = nullptr;
  CHERI_MPI_CHECK(MPI_Win_allocate_shared(m_rank == 0 ? static_cast<MPI_Aint>(bytes) : 0, 1, MPI_INFO_NULL, m_node,
                                          static_cast<void*>(&own), &m_window));
  CHERI_MPI_CHECK(MPI_Win_set_errhandler(m_window, MPI_ERRORS_RETURN));
  MPI_Aint size = 0;
  int unit = 0;
  void* first = nullptr;
  CHERI_MPI_CHECK(MPI_Win_shared_query(m_window, 0, &size, &unit, static_cast<void*>(&first)));
  m_data = static_cast<std::byte*>(first);
  CHERI_MPI_CHECK(MPI_Win_lock_all(MPI_MODE_NOCHECK, m_window));
}

SharedMemory::~SharedMemory() {
  if (std::uncaught_exceptions() > 0) return;
  MPI_Win_unlock_all(m_window);
  MPI_Win_free(&m_window);
  MPI_Comm_free(&m_node);
}

void SharedMemory::publish() const {
  CHERI_MPI_CHECK(MPI_Win_sync(m_window));
  CHERI_MPI_CHECK(MPI_Barrier(m_node));
  CHERI_MPI_CHECK(MPI_Win_sync(m_window));
}

int ranks_of_node(const Communicator& communicator) {
  MPI_Comm node = node_of(communicator);
  int size = 1;
  CHERI_MPI_CHECK(MPI_Comm_size(node, &size));
  CHERI_MPI_CHECK(MPI_Comm_free(&node));
  return size;
}

}   // namespace cheri::parallel
