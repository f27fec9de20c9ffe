#include "cheri/parallel/placement.hpp"

#include "cheri/base/types.hpp"
#include "node.hpp"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <map>
#include <sstream>
#include <utility>

namespace cheri::parallel {
namespace {

/// The cores that the system lets this process run on.
std::vector<int> allowed_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> cores;
  if (sched_getaffinity(0, sizeof(set), &set) != 0) return cores;
  for (int core = 0; core < CPU_SETSIZE; ++core) {
    if (CPU_ISSET(core, &set)) cores.push_back(core);
  }
  return cores;
}

struct Gpu {
  std::string text, id;
};

Gpu own_gpu() {
#if defined(KOKKOS_ENABLE_CUDA)
  const cudaDeviceProp& properties = Device().cuda_device_prop();
  char address[32] = "";
  cudaDeviceGetPCIBusId(address, sizeof(address), Device().cuda_device());
  return {std::string(address) + " " + properties.name, std::string(properties.uuid.bytes, sizeof(properties.uuid.bytes))};
#else
  return {};
#endif
}

}   // namespace

std::string host_name() {
  char name[256] = "unknown";
  gethostname(name, sizeof(name) - 1);
  return name;
}

std::string ranges_text(const std::vector<int>& numbers) {
  std::string text;
  for (std::size_t i = 0; i < numbers.size();) {
    std::size_t last = i;
    while (last + 1 < numbers.size() && numbers[last + 1] == numbers[last] + 1) ++last;
    text += (text.empty() ? "" : ",") + std::to_string(numbers[i]);
    if (last > i) text += "-" + std::to_string(numbers[last]);
    i = last + 1;
  }
  return text;
}

int local_rank(const Communicator& communicator) {
  MPI_Comm node = node_of(communicator);
  int rank = 0;
  CHERI_MPI_CHECK(MPI_Comm_rank(node, &rank));
  CHERI_MPI_CHECK(MPI_Comm_free(&node));
  return rank;
}

int threads_of_rank(const Communicator& communicator) {
  MPI_Comm node = node_of(communicator);
  std::array<int, CPU_SETSIZE> mine{}, ranks_on{};
  for (const int core : allowed_cores()) mine[static_cast<std::size_t>(core)] = 1;
  CHERI_MPI_CHECK(MPI_Allreduce(mine.data(), ranks_on.data(), CPU_SETSIZE, MPI_INT, MPI_SUM, node));
  CHERI_MPI_CHECK(MPI_Comm_free(&node));
  double cores = 0;
  for (std::size_t core = 0; core < mine.size(); ++core) {
    if (mine[core] > 0) cores += 1.0 / ranks_on[core];
  }
  constexpr double rounding = 1e-6;   // 1/3 + 1/3 + 1/3
  return std::max(1, static_cast<int>(cores + rounding));
}

std::vector<Placement> placements(const Communicator& communicator) {
  const Gpu gpu = own_gpu();
  const auto nodes = communicator.gather_all(host_name()), gpus = communicator.gather_all(gpu.text),
             ids = communicator.gather_all(gpu.id), cores = communicator.gather_all(ranges_text(allowed_cores())),
             threads = communicator.gather_all(std::to_string(Host().concurrency()));
  std::vector<Placement> ranks;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    ranks.push_back({nodes[i], gpus[i], ids[i], cores[i], std::stoi(threads[i])});
  }
  return ranks;
}

std::string placement_table(const std::vector<Placement>& ranks) {
  std::vector<std::vector<std::string>> rows = {{"rank", "node", "GPU", "cores", "threads"}};
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    const Placement& rank = ranks[i];
    rows.push_back(
        {std::to_string(i), rank.node, rank.gpu.empty() ? "none" : rank.gpu, rank.cores, std::to_string(rank.threads)});
  }
  std::vector<std::size_t> widths(rows.front().size());
  for (const auto& row : rows) {
    for (std::size_t column = 0; column < row.size(); ++column)
      widths[column] = std::max(widths[column], row[column].size());
  }
  std::ostringstream table;
  for (const auto& row : rows) {
    if (&row != &rows.front()) table << '\n';
    for (std::size_t column = 0; column < row.size(); ++column) {
      const bool is_last = column + 1 == row.size();
      table << row[column] << (is_last ? "" : std::string(widths[column] + 2 - row[column].size(), ' '));
    }
  }
  return table.str();
}

std::optional<std::pair<std::size_t, std::size_t>> first_shared_gpu(const std::vector<Placement>& ranks) {
  std::map<std::pair<std::string, std::string>, std::size_t> owners;
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    if (ranks[i].gpu.empty()) continue;
    const auto [owner, is_new] = owners.emplace(std::pair(ranks[i].node, ranks[i].gpu_id), i);
    if (!is_new) return std::pair(owner->second, i);
  }
  return {};
}

void require_own_gpus(const std::vector<Placement>& ranks) {
  const auto shared = first_shared_gpu(ranks);
  if (!shared) return;
  const Placement& rank = ranks[shared->first];
  throw InputError("ranks " + std::to_string(shared->first) + " and " + std::to_string(shared->second) +
                   " have the same GPU, " + rank.gpu + " of " + rank.node +
                   ": start as many ranks as there are GPUs, or set share_gpus = true in the deck");
}

}   // namespace cheri::parallel
