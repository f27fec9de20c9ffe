#include "cheri/parallel/levels.hpp"

#include "cheri/base/check.hpp"
#include "node.hpp"

#include <algorithm>

namespace cheri::parallel {

namespace {

/// Of each rank, the first rank of its node.
std::vector<int> nodes_of_ranks(const Communicator& all) {
  MPI_Comm node = node_of(all);
  int first = all.rank();
  CHERI_MPI_CHECK(MPI_Bcast(&first, 1, MPI_INT, 0, node));
  CHERI_MPI_CHECK(MPI_Comm_free(&node));
  const std::vector<double> firsts = all.gather_all(std::vector<double>{static_cast<double>(first)});
  return {firsts.begin(), firsts.end()};
}

}   // namespace

int even_ranks_of_node(const std::vector<int>& nodes) {
  const auto of_first = std::count(nodes.begin(), nodes.end(), nodes.front());
  const auto n = static_cast<std::size_t>(of_first);
  if (nodes.size() % n != 0) return 0;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const bool is_first = i % n == 0;
    if (is_first ? std::count(nodes.begin(), nodes.end(), nodes[i]) != of_first : nodes[i] != nodes[i - 1]) return 0;
  }
  return static_cast<int>(n);
}

Levels levels_of(const Communicator& all, int ranks_of_node) {
  const int size = all.size();
  CHERI_REQUIRE_INPUT(
      ranks_of_node >= 0 && (ranks_of_node == 0 || size % ranks_of_node == 0),
      "parallel.ranks_of_node is " << ranks_of_node << ", and must be 0 or divide the number of ranks, " << size);
  const int n = ranks_of_node > 0 ? ranks_of_node : even_ranks_of_node(nodes_of_ranks(all));
  const auto part = [&](int number) { return std::make_shared<const Communicator>(all.split(number)); };
  if (n <= 1 || n == size) return {part(0)};
  return {part(all.rank() / n), part(all.rank() % n)};
}

}   // namespace cheri::parallel
