// Which transports a run takes: the first of those wanted that sum right on this machine.
#pragma once

#include "cheri/parallel/levels.hpp"
#include "cheri/parallel/transport.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace cheri::parallel {

enum class Backend { automatic, nccl, mpi_device, mpi_host };

/// Of auto, nccl, mpi-device, mpi-host; throws InputError for anything else.
Backend backend_of(const std::string& name);

template <class Exec>
struct Candidate {
  std::string name;
  std::string obstacle;   ///< why it must not even be tried here, the same on every rank; empty: it may
  std::function<std::shared_ptr<Transport<Exec>>(std::shared_ptr<const Communicator>)> make;   ///< collective
};

/// What a backend stands for, in the order of preference. A backend that is asked for by name is tried though this MPI does
/// not say that it knows device memory. Collective.
template <class Exec>
std::vector<Candidate<Exec>> candidates(const Communicator& communicator, Backend wanted);

template <class Exec>
struct Choice {
  std::vector<std::shared_ptr<Transport<Exec>>> transports;   ///< of each level; none: a lone rank needs none
  std::vector<std::string> refused;                           ///< "nccl (ranks 0 and 1 have the same GPU)"

  /// "mpi-host within nodes of 2 ranks, then between 4 nodes, not nccl (...), not mpi-device (...)"; empty for a lone rank.
  [[nodiscard]] std::string text() const;
};

/// The first candidate without an obstacle by which a Reducer has the bits of the tree sum that each rank computes on its
/// host, on every rank. Collective. Throws InputError with the reasons if there is none.
template <class Exec>
Choice<Exec> choose_transports(const Communicator& communicator, const Levels& levels,
                               const std::vector<Candidate<Exec>>& candidates);

/// ranks_of_node: see levels_of.
template <class Exec>
Choice<Exec> choose_transports(const Communicator& communicator, Backend wanted, int ranks_of_node = 0) {
  const Levels levels = levels_of(communicator, ranks_of_node);
  if (communicator.size() == 1) return {};
  return choose_transports(communicator, levels, candidates<Exec>(communicator, wanted));
}

}   // namespace cheri::parallel
