// The tree without MPI: what each rank would sum, and how the ranks' nodes make the whole.
#include "parallel/summation_tree.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace cheri::parallel {
namespace {

/// Sums made of text: "(0+1)" shows the order.
std::vector<std::string> run(const AdditionOrder& order, const std::vector<std::string>& rows) {
  std::vector<std::string> stack;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    stack.push_back(rows[i]);
    for (int k = 0; k < order[i]; ++k) {
      const std::string right = stack.back();
      stack.pop_back();
      stack.back() = "(" + stack.back() + "+" + right + ")";
    }
  }
  return stack;
}

/// The definition: [b, e) = [b, m) + [m, e).
std::string tree(int begin, int end) {
  if (end - begin == 1) return std::to_string(begin);
  const int middle = begin + (end - begin + 1) / 2;
  return "(" + tree(begin, middle) + "+" + tree(middle, end) + ")";
}

using Texts = std::vector<std::string>;

/// The sums of every share of `rows`, in order, from those of its smaller shares.
std::vector<Texts> sums_of_shares(int n_slices, int rows, const std::vector<Texts>& smaller, int rows_of_smaller) {
  std::vector<Texts> sums;
  for (int share = 0; share < n_slices / rows; ++share) {
    Texts given;
    for (int i = share * rows / rows_of_smaller; i < (share + 1) * rows / rows_of_smaller; ++i) {
      given.insert(given.end(), smaller[static_cast<std::size_t>(i)].begin(), smaller[static_cast<std::size_t>(i)].end());
    }
    const AdditionOrder order = order_of_share(n_slices, rows, share, rows_of_smaller);
    EXPECT_EQ(order.size(), given.size());
    sums.push_back(run(order, given));
  }
  return sums;
}

/// What a run on n_ranks ranks adds: each rank its slices, each node of so many ranks what these have, then all nodes.
std::string sum_on_ranks(int n_slices, int n_ranks, int ranks_of_node = 1) {
  std::vector<Texts> slices;
  for (int s = 0; s < n_slices; ++s) slices.push_back({std::to_string(s)});
  const int of_rank = n_slices / n_ranks, of_node = of_rank * ranks_of_node;
  const auto ranks = sums_of_shares(n_slices, of_rank, slices, 1);
  const auto nodes = sums_of_shares(n_slices, of_node, ranks, of_rank);
  const auto all = sums_of_shares(n_slices, n_slices, nodes, of_node);
  EXPECT_EQ(all.size(), 1u);
  EXPECT_EQ(all.front().size(), 1u);
  return all.front().front();
}

TEST(SummationTree, SplitsInHalvesWithTheLongerOneFirst) {
  EXPECT_EQ(tree(0, 5), "(((0+1)+2)+(3+4))");
  EXPECT_EQ(sum_on_ranks(5, 1), "(((0+1)+2)+(3+4))");
}

TEST(SummationTree, IsTheSameForEveryNumberOfRanksThatDividesTheSlices) {
  for (int n_slices = 1; n_slices <= 64; ++n_slices) {
    for (int n_ranks = 1; n_ranks <= n_slices; ++n_ranks) {
      if (n_slices % n_ranks != 0) continue;
      for (int of_node = 1; of_node <= n_ranks; ++of_node) {
        if (n_ranks % of_node != 0) continue;
        EXPECT_EQ(sum_on_ranks(n_slices, n_ranks, of_node), tree(0, n_slices))
            << n_slices << " slices on " << n_ranks << " ranks, " << of_node << " a node";
      }
    }
  }
}

TEST(SummationTree, SubtreesOfAShareAreTheLargestOnes) {
  std::vector<std::pair<int, int>> nodes;
  for_each_subtree_of_shares(0, 12, 4, [&](int begin, int end) { nodes.emplace_back(begin, end); });
  const std::vector<std::pair<int, int>> expected = {{0, 3}, {3, 4}, {4, 5}, {5, 6}, {6, 8}, {8, 9}, {9, 12}};
  EXPECT_EQ(nodes, expected);
}

TEST(SummationTree, KeepsAShallowStack) {
  for (const auto& [n_slices, depth] : {std::pair{1, 1}, {2, 2}, {8, 4}, {1024, 11}}) {
    AdditionOrder order;
    append_tree(order, 0, n_slices, [](int b, int e) { return e - b == 1; });
    EXPECT_EQ(stack_depth(order), depth) << n_slices << " slices";
  }
}

}   // namespace
}   // namespace cheri::parallel
