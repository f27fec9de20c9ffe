#include "cheri/parallel/backend.hpp"

#include "cheri/base/check.hpp"
#include "cheri/parallel/placement.hpp"
#include "cheri/parallel/reducer.hpp"
#include "nccl.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <type_traits>

#if defined(OPEN_MPI) && __has_include(<mpi-ext.h>)
#include <mpi-ext.h>
#endif

namespace cheri::parallel {

namespace {

/// Why device pointers must not be handed to this MPI unasked: one that does not know them may crash. Empty: they may.
std::string obstacle_of_mpi() {
#if defined(MPIX_CUDA_AWARE_SUPPORT)
  if (MPIX_Query_cuda_support() == 1) return "";
  return "this MPI is not GPU-aware: MPIX_Query_cuda_support() says no";
#else
  const char* cray = std::getenv("MPICH_GPU_SUPPORT_ENABLED");
  if (cray != nullptr && std::strcmp(cray, "1") == 0) return "";
  return "this MPI is not GPU-aware, or does not say so; for Cray MPICH set MPICH_GPU_SUPPORT_ENABLED=1";
#endif
}

/// NCCL wants a GPU for each rank. Collective.
std::string obstacle_of_nccl(const Communicator& communicator) {
  if (!nccl_absence().empty()) return nccl_absence();
  const auto shared = first_shared_gpu(placements(communicator));
  if (!shared) return "";
  return "ranks " + std::to_string(shared->first) + " and " + std::to_string(shared->second) + " have the same GPU";
}

// ---- the test ----------------------------------------------------------------------------------------------------------

constexpr int rows_of_rank = 3;            ///< so that the tree's nodes are not the ranks
constexpr std::int64_t columns = 40'001;   ///< no multiple of the ranks, and more than MPI sends in one piece

/// Element q of row s: signs and magnitudes vary, so that another order of addition has other bits.
float element(int s, std::int64_t q, int salt) {
  std::uint64_t x = static_cast<std::uint64_t>(s) * 0x9E3779B97F4A7C15u +
                    static_cast<std::uint64_t>(q) * 0xBF58476D1CE4E5B9u +
                    static_cast<std::uint64_t>(salt) * 0x94D049BB133111EBu;
  x = (x ^ (x >> 31)) * 0xD6E8FEB86659FD93u;
  return std::ldexp(static_cast<float>(x >> 40) - 8388608.0f, static_cast<int>(x % 16));
}

/// The definition, written out again: what the reducer's own tree makes of it is tested.
float tree_sum(int begin, int end, std::int64_t q, int salt) {
  if (end - begin == 1) return element(begin, q, salt);
  const int middle = begin + (end - begin + 1) / 2;
  return tree_sum(begin, middle, q, salt) + tree_sum(middle, end, q, salt);
}

/// What is wrong with the sums by these transports on this rank; empty: nothing.
template <class Exec>
std::string fault_of(const Communicator& communicator, const std::vector<std::shared_ptr<Transport<Exec>>>& transports) {
  const Exec exec;
  const int n_rows = rows_of_rank * communicator.size();
  Reducer<Exec> reducer(communicator, transports, n_rows, columns);
  const View<float**, Exec> rows_SQ("cheri::parallel::fault_of", rows_of_rank, columns);
  const View<float*, Exec> total_P("cheri::parallel::fault_of", static_cast<std::size_t>(reducer.total_length()));
  const auto rows = Kokkos::create_mirror_view(rows_SQ);
  const auto total = Kokkos::create_mirror_view(total_P);
  for (const int salt : {1, 2}) {
    for (int s = 0; s < rows_of_rank; ++s) {
      for (std::int64_t q = 0; q < columns; ++q) rows(s, q) = element(reducer.first_slice() + s, q, salt);
    }
    Kokkos::deep_copy(exec, rows_SQ, rows);
    reducer.sum(exec, total_P, rows_SQ);
    reducer.wait(exec);
    Kokkos::deep_copy(exec, total, total_P);
    exec.fence("cheri::parallel::fault_of");
    for (std::int64_t q = 0; q < columns; ++q) {
      const float right = tree_sum(0, n_rows, q, salt);
      if (std::bit_cast<std::uint32_t>(total(q)) == std::bit_cast<std::uint32_t>(right)) continue;
      return "its sum has " + std::to_string(total(q)) + " where " + std::to_string(right) + " is right";
    }
  }
  return "";
}

/// Whether no rank has a fault to report; the first that has, otherwise. Collective.
bool all_well(const Communicator& communicator, const std::string& mine, std::string& fault) {
  const std::vector<std::string> of_ranks = communicator.gather_all(mine);
  const auto first = std::find_if(of_ranks.begin(), of_ranks.end(), [](const std::string& text) { return !text.empty(); });
  if (first == of_ranks.end()) return true;
  fault = "on rank " + std::to_string(first - of_ranks.begin()) + ": " + *first;
  return false;
}

/// What an attempt returns or throws as a fault.
template <class Attempt>
std::string fault_in(const Attempt& attempt) {
  try {
    return attempt();
  } catch (const Error& error) {
    return error.what();
  }
}

/// A transport for each level, if they sum right on every rank; else none, and why not.
template <class Exec>
std::vector<std::shared_ptr<Transport<Exec>>> tested(const Communicator& communicator, const Levels& levels,
                                                     const Candidate<Exec>& candidate, std::string& fault) {
  std::vector<std::shared_ptr<Transport<Exec>>> transports;
  for (const auto& level : levels) {
    const std::string mine = fault_in([&] { return transports.push_back(candidate.make(level)), std::string(); });
    if (!all_well(communicator, mine, fault)) return {};
  }
  const std::string mine = fault_in([&] { return fault_of(communicator, transports); });
  if (!all_well(communicator, mine, fault)) return {};
  return transports;
}

}   // namespace

Backend backend_of(const std::string& name) {
  if (name == "auto") return Backend::automatic;
  if (name == "nccl") return Backend::nccl;
  if (name == "mpi-device") return Backend::mpi_device;
  CHERI_REQUIRE_INPUT(name == "mpi-host",
                      "parallel.backend is \"" << name << "\", and must be auto, nccl, mpi-device or mpi-host");
  return Backend::mpi_host;
}

template <class Exec>
std::vector<Candidate<Exec>> candidates(const Communicator& communicator, Backend wanted) {
  std::vector<Candidate<Exec>> all;
  const auto wants = [&](Backend backend) { return wanted == backend || wanted == Backend::automatic; };
  if constexpr (!std::is_same_v<Exec, Host>) {
    if (wants(Backend::nccl)) {
      all.push_back({"nccl", obstacle_of_nccl(communicator), nccl_transport});
    }
    if (wants(Backend::mpi_device)) {
      all.push_back({"mpi-device", wanted == Backend::automatic ? obstacle_of_mpi() : "", direct_transport<Exec>});
    }
  } else {
    // The host's memory is MPI's: there is one way.
    if (wanted == Backend::nccl) all.push_back({"nccl", "it exchanges what GPUs hold, and this is computed on cores", {}});
    if (wanted == Backend::mpi_device) return candidates<Exec>(communicator, Backend::mpi_host);
  }
  if (wants(Backend::mpi_host)) all.push_back({"mpi-host", "", staged_transport<Exec>});
  return all;
}

template <class Exec>
Choice<Exec> choose_transports(const Communicator& communicator, const Levels& levels,
                               const std::vector<Candidate<Exec>>& candidates) {
  Choice<Exec> choice;
  for (const Candidate<Exec>& candidate : candidates) {
    std::string fault = candidate.obstacle;
    if (fault.empty()) choice.transports = tested(communicator, levels, candidate, fault);
    if (!choice.transports.empty()) return choice;
    choice.refused.push_back(candidate.name + " (" + fault + ")");
  }
  std::string reasons;
  for (const std::string& reason : choice.refused) reasons += (reasons.empty() ? "" : ", ") + reason;
  throw InputError("no backend sums gradients over ranks here: " + reasons +
                   "; parallel.backend = \"auto\" takes what works");
}

template <class Exec>
std::string Choice<Exec>::text() const {
  if (transports.empty()) return "";
  std::string text = transports.front()->name();
  if (transports.size() > 1) {
    text += " within nodes of " + std::to_string(transports.front()->ranks().size()) + " ranks, then between " +
            std::to_string(transports.back()->ranks().size()) + " nodes";
  }
  for (const std::string& reason : refused) text += ", not " + reason;
  return text;
}

#define CHERI_INSTANTIATE(Exec)                                                                                           \
  template std::vector<Candidate<Exec>> candidates<Exec>(const Communicator&, Backend);                                   \
  template Choice<Exec> choose_transports<Exec>(const Communicator&, const Levels&, const std::vector<Candidate<Exec>>&); \
  template struct Choice<Exec>;
CHERI_FOR_EACH_SPACE(CHERI_INSTANTIATE)
#undef CHERI_INSTANTIATE

}   // namespace cheri::parallel
