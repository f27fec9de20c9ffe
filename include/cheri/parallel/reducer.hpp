// The sum of all gradient slices, in an order that does not depend on the number of ranks.
#pragma once

#include "cheri/base/types.hpp"
#include "cheri/parallel/communicator.hpp"

#include <type_traits>
#include <vector>

namespace cheri::parallel {

/// Sums S rows of Q floats that the ranks hold in contiguous, equal shares: the sum of rows [b, e) is the sum of
/// rows [b, m) plus the sum of [m, e), m = b + (e - b + 1) / 2, for any number of ranks. One rank adds its rows in one
/// kernel. Several ranks first sum the nodes of that tree that lie wholly in their rows, the largest of them, then exchange
/// chunks of these nodes all to all, sum their chunk over all nodes in tree order, and gather the chunks: the traffic of a
/// ring all-reduce. All memory is taken in the constructor; rows on a device travel through pinned host memory.
template <class Exec>
class Reducer {
 public:
  /// Keeps a reference to the communicator. Throws InputError unless the ranks divide n_slices, or if row_length is no
  /// positive int.
  Reducer(const Communicator& communicator, int n_slices, std::int64_t row_length);

  [[nodiscard]] int local_slices() const { return m_local_slices; }
  [[nodiscard]] int first_slice() const { return m_communicator->rank() * m_local_slices; }

  /// total_Q = the sum over all slices, the same bits on every rank. rows_SQ holds this rank's slices. Collective; with
  /// several ranks it waits for `exec`.
  void sum(const Exec& exec, const View<float*, Exec>& total_Q, const View<const float**, Exec>& rows_SQ);

 private:
  static constexpr bool staged = !std::is_same_v<Exec, Host>;
  using MessageSpace = std::conditional_t<staged, Kokkos::SharedHostPinnedSpace, Kokkos::HostSpace>;
  template <class DataType>
  using MessageView = Kokkos::View<DataType, Kokkos::LayoutRight, MessageSpace>;

  void allocate_exchange();
  void exchange_chunks();
  void gather_chunks(float* total);

  const Communicator* m_communicator;
  int m_n_slices;
  int m_local_slices;
  std::int64_t m_row_length;

  // M nodes of this rank, A nodes of all ranks, Q columns of which this rank sums the chunk B.
  View<int*, Exec> m_local_order;   ///< see sum_in_order in reducer.cpp
  std::vector<int> m_node_owners;   ///< (A) the rank that holds each node, in tree order
  View<int*, Host> m_global_order;
  View<float**, Exec> m_nodes_MQ;
  MessageView<float**> m_sent_MQ;
  MessageView<float**> m_received_AB;
  MessageView<float**> m_chunk_1B;
  MessageView<float*> m_total_Q;   ///< only where rows are staged
  std::vector<int> m_chunk_sizes, m_chunk_begins;
  std::vector<MPI_Request> m_requests;
};

}   // namespace cheri::parallel
