// Which GPU and which cores a rank has.
#pragma once

#include "cheri/parallel/communicator.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace cheri::parallel {

/// Where one rank runs.
struct Placement {
  std::string node;     ///< host name
  std::string gpu;      ///< PCI address and name; empty without a GPU
  std::string gpu_id;   ///< tells GPUs of a node apart, also parts of one (MIG)
  std::string cores;    ///< that it may run on: "0-7,16"
  int threads = 1;
};

/// Of this machine; "unknown" where the system does not say.
std::string host_name();

/// Number of this rank among those of its node, as MPI sees it: whatever has started the ranks. Collective.
int local_rank(const Communicator& communicator);

/// How many threads keep this rank's cores busy, at least 1: each core is divided among the ranks of the node that may run
/// on it, so that ranks bound to cores of their own have these, and others share the node. Collective.
int threads_of_rank(const Communicator& communicator);

/// The GPU that a rank takes of the n_visible that it sees: each has its own where the launcher gives one to each, the one
/// of its number where all see all. With fewer GPUs than ranks they take turns. n_visible >= 1.
constexpr int gpu_of_rank(int local_rank, int n_visible) { return local_rank % n_visible; }

/// Of every rank, in rank order. Collective; after Kokkos has been initialised.
std::vector<Placement> placements(const Communicator& communicator);

/// A line a rank: rank, node, GPU, cores, threads, in columns.
std::string placement_table(const std::vector<Placement>& ranks);

/// The first two ranks that have the same GPU of the same node.
std::optional<std::pair<std::size_t, std::size_t>> first_shared_gpu(const std::vector<Placement>& ranks);

/// Throws InputError naming two ranks that have the same GPU.
void require_own_gpus(const std::vector<Placement>& ranks);

/// "0-7,16" of {0, ..., 7, 16}, which ascend.
std::string ranges_text(const std::vector<int>& numbers);

}   // namespace cheri::parallel
