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
/// kernel. Several ranks first sum the largest subtrees that lie wholly in their rows, then exchange chunks of these sums
/// all to all, add their chunk over all subtrees in tree order, and gather the chunks: the traffic of a ring all-reduce. In
/// two levels (levels.hpp) the ranks of a node do so first, up to the largest subtrees that lie wholly in the node's rows,
/// and then, with their chunks of these, the ranks of all nodes. Transports move the chunks; neither they nor the levels
/// have an influence on the bits. All memory is taken in the constructor.
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
  /// Of a sum under way: a rank has the sums of subtrees over so many slices, for the columns of the total that are left to
  /// it.
  struct Share {
    int slices = 0;
    std::int64_t begin = 0, columns = 0;
  };
  /// One exchange.
  struct Level {
    std::shared_ptr<Transport<Exec>> transport;
    std::vector<int> owners;       ///< (A) which of the ranks has each subtree, in tree order
    View<float**, Exec> sums_MP;   ///< of this rank's subtrees
    View<float**, Exec> received_AB;
    View<int*, Exec> order;   ///< in which the received are added: see sum_in_order in reducer.cpp
    std::int64_t begin = 0;   ///< of the P columns in the total
  };
  Share add_level(const std::shared_ptr<Transport<Exec>>& transport, const Share& before);

  const Communicator* m_communicator;
  int m_n_slices;
  int m_local_slices;
  std::int64_t m_row_length;
  std::int64_t m_chunk_length;   ///< columns that a rank sums over all slices
  View<int*, Exec> m_order;      ///< in which this rank's slices are added
  std::vector<Level> m_levels;
};

}   // namespace cheri::parallel
