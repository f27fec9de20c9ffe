// The sum of all gradient slices, in an order that does not depend on the number of ranks.
#pragma once

#include "cheri/base/types.hpp"
#include "cheri/parallel/communicator.hpp"

#include <vector>

namespace cheri::parallel {

/// Sums S rows of Q floats that the ranks hold in contiguous, equal shares: the sum of rows [b, e) is the sum of
/// rows [b, m) plus the sum of [m, e), m = b + (e - b + 1) / 2, for any number of ranks. One rank adds in place.
/// Several ranks exchange chunks all to all (each sends the largest complete subtrees of its rows), sum their chunk in tree
/// order, and gather the chunks. All memory is taken in the constructor.
template <class Exec>
class Reducer {
 public:
  /// Throws InputError unless the ranks divide n_slices.
  Reducer(const Communicator& communicator, int n_slices, std::int64_t row_length);

  [[nodiscard]] int local_slices() const { return m_local_slices; }
  [[nodiscard]] int first_slice() const { return m_communicator->rank() * m_local_slices; }

  /// total_Q = the sum over all slices, the same bits on every rank. rows_SQ holds this rank's slices and is overwritten.
  void sum(const Exec& exec, const View<float*, Exec>& total_Q, const View<float**, Exec>& rows_SQ);

 private:
  const Communicator* m_communicator;
  int m_local_slices;
  // the implementer adds what it needs
};

}  // namespace cheri::parallel
