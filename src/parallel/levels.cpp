#include "cheri/parallel/levels.hpp"

#include "cheri/base/check.hpp"
#include "node.hpp"

namespace cheri::parallel {

namespace {

/// The ranks of each node, if all have as many and each has its ranks one after the other; else 0. Nodes whose ranks all
/// have the place in theirs that their number leaves over are such.
int even_ranks_of_node(const Communicator& all) {
  MPI_Comm node = node_of(all);
  int place = 0, size = 1;
  CHERI_MPI_CHECK(MPI_Comm_rank(node, &place));
  CHERI_MPI_CHECK(MPI_Comm_size(node, &size));
  CHERI_MPI_CHECK(MPI_Comm_free(&node));
  const int largest = static_cast<int>(all.max(size));
  const bool is_odd = size != largest || place != all.rank() % largest;
  return all.max(is_odd ? 1 : 0) > 0 ? 0 : size;
}

}   // namespace

Levels levels_of(const Communicator& all, int ranks_of_node) {
  const int size = all.size();
  CHERI_REQUIRE_INPUT(
      ranks_of_node >= 0 && (ranks_of_node == 0 || size % ranks_of_node == 0),
      "parallel.ranks_of_node is " << ranks_of_node << ", and must be 0 or divide the number of ranks, " << size);
  const int n = ranks_of_node > 0 ? ranks_of_node : even_ranks_of_node(all);
  const auto part = [&](int number) { return std::make_shared<const Communicator>(all.split(number)); };
  if (n <= 1 || n == size) return {part(0)};
  return {part(all.rank() / n), part(all.rank() % n)};
}

std::string levels_text(const Levels& levels) {
  if (levels.size() < 2) return "";
  return "within nodes of " + std::to_string(levels.front()->size()) + " ranks, then between " +
         std::to_string(levels.back()->size()) + " nodes";
}

}   // namespace cheri::parallel
