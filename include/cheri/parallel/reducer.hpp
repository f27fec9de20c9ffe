// The sum of all gradient slices, in an order that does not depend on the number of ranks.
#pragma once

#include "cheri/base/types.hpp"
#include "cheri/parallel/communicator.hpp"
#include "cheri/parallel/transport.hpp"

#include <memory>
#include <vector>

namespace cheri::parallel {

/// Sums S rows of Q floats that the ranks hold in contiguous, equal shares: the sum of rows [b, e) is the sum of
/// rows [b, m) plus the sum of [m, e), m = b + (e - b + 1) / 2, for any number of ranks. One rank adds its rows in one
/// kernel. Several ranks first sum the nodes of that tree that lie wholly in their rows, the largest of them, then exchange
/// chunks of these nodes all to all, sum their chunk over all nodes in tree order, and gather the chunks: the traffic of a
/// ring all-reduce. A transport moves the chunks, and has no influence on the bits. All memory is taken in the constructor.
template <class Exec>
class Reducer {
 public:
  /// Keeps a reference to the communicator; a lone rank needs no transport. Throws InputError unless the ranks divide
  /// n_slices, or if row_length is no positive int.
  Reducer(const Communicator& communicator, std::shared_ptr<Transport<Exec>> transport, int n_slices,
          std::int64_t row_length);

  [[nodiscard]] int local_slices() const { return m_local_slices; }
  [[nodiscard]] int first_slice() const { return m_communicator->rank() * m_local_slices; }
  /// P, the floats of a total: Q, rounded up to one chunk of equal length for each rank.
  [[nodiscard]] std::int64_t total_length() const { return m_chunk_length * m_communicator->size(); }

  /// The first Q of total_P = the sum over all slices, the same bits on every rank; the others are padding. rows_SQ holds
  /// this rank's slices. Collective; waits for `exec` unless the transport only enqueues.
  void sum(const Exec& exec, const View<float*, Exec>& total_P, const View<const float**, Exec>& rows_SQ);

  /// Every rank's equal part of the rows of all_NG, which it has written, to all. Collective; waits as sum() does.
  void gather(const Exec& exec, const View<double**, Exec>& all_NG);

  /// Whether both only enqueue work on exec, so that a Graph can hold them.
  [[nodiscard]] bool only_enqueues() const { return m_communicator->size() == 1 || m_transport->only_enqueues(); }

  /// Where sums on exec wait for other ranks: waits for exec, no longer than the communicator's timeout.
  void wait(const Exec& exec) const {
    if (m_transport) m_transport->wait(exec);
  }

 private:
  void allocate_exchange();

  const Communicator* m_communicator;
  std::shared_ptr<Transport<Exec>> m_transport;
  int m_n_slices;
  int m_local_slices;
  std::int64_t m_row_length;
  std::int64_t m_chunk_length;   ///< B

  // M nodes of this rank, A nodes of all ranks.
  View<int*, Exec> m_local_order;    ///< see sum_in_order in reducer.cpp
  std::vector<int> m_node_owners;    ///< (A) the rank that holds each node, in tree order
  View<int*, Exec> m_global_order;   ///< of the nodes
  View<float**, Exec> m_nodes_MP;
  View<float**, Exec> m_received_AB;
};

}   // namespace cheri::parallel
