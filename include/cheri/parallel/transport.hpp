// How chunks of gradients travel between ranks.
#pragma once

#include "cheri/base/types.hpp"
#include "cheri/parallel/communicator.hpp"

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace cheri::parallel {

/// Moves what a Reducer sums: A sums of subtrees, each a row of P floats on the rank that owns it, M of them on this rank.
/// A row is R chunks of B = P / R floats, one for each of the R ranks of the transport. Calls are collective over these.
template <class Exec>
class Transport {
 public:
  explicit Transport(std::shared_ptr<const Communicator> ranks) : m_ranks(std::move(ranks)) {}
  virtual ~Transport() = default;
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  [[nodiscard]] const Communicator& ranks() const { return *m_ranks; }

  /// As a deck names it: "nccl", "mpi-device", "mpi-host".
  [[nodiscard]] virtual std::string name() const = 0;

  /// Takes the memory for rows and chunks of these extents, so that nothing is taken later.
  virtual void reserve(const View<const float**, Exec>& sums_MP, const View<const float**, Exec>& received_AB) = 0;

  /// received_AB(a, :) = this rank's chunk of sum a. That is on rank owners_A[a], whose sums are the rows of its sums_MP, in
  /// the order of a.
  virtual void exchange(const Exec& exec, const std::vector<int>& owners_A, const View<const float**, Exec>& sums_MP,
                        const View<float**, Exec>& received_AB) = 0;

  /// Every rank's chunk of total_P into its place, bit by bit; this rank's own is there already. Other lengths than that of
  /// the rows may take memory the first time.
  virtual void gather(const Exec& exec, const View<float*, Exec>& total_P) = 0;

  /// Whether both only enqueue work on exec, so that a Graph can hold them (base/graph.hpp).
  [[nodiscard]] virtual bool only_enqueues() const { return false; }

  /// Where exec itself waits for other ranks: whether it has done all that it was given. Throws Error if that has failed.
  [[nodiscard]] virtual bool is_done(const Exec& exec) const { return static_cast<void>(exec), true; }
  /// Ends what exec waits for, as other ranks do not come: else freeing its memory would wait for them. Nothing can be
  /// exchanged afterwards.
  virtual void abandon() noexcept {}

 private:
  std::shared_ptr<const Communicator> m_ranks;
};

/// Waits until exec has done what it was given, no longer than the timeout of `ranks`; then, or if an exchange has failed,
/// abandons it and throws Error.
template <class Exec>
void wait_for(const Communicator& ranks, const std::vector<Transport<Exec>*>& transports, const Exec& exec);

/// MPI is given the views' own pointers: on a GPU that takes an MPI which knows device memory.
template <class Exec>
std::shared_ptr<Transport<Exec>> direct_transport(std::shared_ptr<const Communicator> ranks);

/// Through pinned host memory; where memory is the host's already, directly.
template <class Exec>
std::shared_ptr<Transport<Exec>> staged_transport(std::shared_ptr<const Communicator> ranks);

}   // namespace cheri::parallel
