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
/// ring all-reduce. In two levels (levels.hpp) the ranks of a node do so first, up to the nodes of the tree that lie wholly
/// in their rows, and then, with their chunks of these, the ranks of all nodes. Transports move the chunks; neither they
/// nor the levels have an influence on the bits. All memory is taken in the constructor.
template <class Exec>
class Reducer {
 public:
  /// A transport for each level, the ranks of a node first; none for a lone rank. Keeps a reference to the communicator of
  /// all ranks. Throws InputError unless the ranks divide n_slices, or if row_length is no positive int.
  Reducer(const Communicator& communicator, const std::vector<std::shared_ptr<Transport<Exec>>>& transports, int n_slices,
          std::int64_t row_length);

  [[nodiscard]] int local_slices() const { return m_local_slices; }
  [[nodiscard]] int first_slice() const { return m_communicator->rank() * m_local_slices; }
  /// P, the floats of a total: Q, rounded up to one chunk of equal length for each rank.
  [[nodiscard]] std::int64_t total_length() const { return m_chunk_length * m_communicator->size(); }

  /// The first Q of total_P = the sum over all slices, the same bits on every rank; the others are padding. rows_SQ holds
  /// this rank's slices. Collective; waits for `exec` unless the transports only enqueue.
  void sum(const Exec& exec, const View<float*, Exec>& total_P, const View<const float**, Exec>& rows_SQ);

  /// Every rank's equal part of the rows of all_NG, which it has written, to all. Collective; waits as sum() does.
  void gather(const Exec& exec, const View<double**, Exec>& all_NG);

  /// Whether both only enqueue work on exec, so that a Graph can hold them.
  [[nodiscard]] bool only_enqueues() const;

  /// Where sums on exec wait for other ranks: waits for exec, no longer than the communicator's timeout (then throws Error).
  void wait(const Exec& exec) const;

 private:
  /// One exchange, between G ranks. A level's share of the slices is those of all its ranks.
  struct Level {
    std::shared_ptr<Transport<Exec>> transport;
    std::vector<int> node_owners;   ///< (A) which of the ranks has each node of the share's ranks, in tree order
    View<float**, Exec> nodes_MP;   ///< this rank's nodes, of the columns that the level before has left it
    View<float**, Exec> received_AB;
    View<int*, Exec> order;   ///< from the received nodes to those of the share: see sum_in_order in reducer.cpp
    std::int64_t begin = 0;   ///< of the P columns in the total
  };
  void add_level(const std::shared_ptr<Transport<Exec>>& transport, int& rows_of_rank, std::int64_t& begin,
                 std::int64_t& columns);

  const Communicator* m_communicator;
  int m_n_slices;
  int m_local_slices;
  std::int64_t m_row_length;
  std::int64_t m_chunk_length;   ///< columns that a rank sums over all slices
  View<int*, Exec> m_order;      ///< from this rank's slices to its nodes
  std::vector<Level> m_levels;
};

}   // namespace cheri::parallel
