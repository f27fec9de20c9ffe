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

/// What a run on n_ranks ranks adds: first each rank its nodes, then all nodes.
std::string sum_on_ranks(int n_slices, int n_ranks) {
  const int rows_per_rank = n_slices / n_ranks;
  std::vector<std::string> nodes;
  for_each_rank_node(0, n_slices, rows_per_rank, [&](int begin, int end) {
    AdditionOrder local;
    append_tree(local, begin, end, [](int b, int e) { return e - b == 1; });
    std::vector<std::string> rows;
    for (int row = begin; row < end; ++row) rows.push_back(std::to_string(row));
    const std::vector<std::string> sums = run(local, rows);
    EXPECT_EQ(sums.size(), 1u);
    nodes.push_back(sums.front());
  });
  AdditionOrder global;
  append_tree(global, 0, n_slices, [&](int b, int e) { return b / rows_per_rank == (e - 1) / rows_per_rank; });
  EXPECT_EQ(global.size(), nodes.size());
  const std::vector<std::string> total = run(global, nodes);
  EXPECT_EQ(total.size(), 1u);
  return total.front();
}

TEST(SummationTree, SplitsInHalvesWithTheLongerOneFirst) {
  EXPECT_EQ(tree(0, 5), "(((0+1)+2)+(3+4))");
  EXPECT_EQ(sum_on_ranks(5, 1), "(((0+1)+2)+(3+4))");
}

TEST(SummationTree, IsTheSameForEveryNumberOfRanksThatDividesTheSlices) {
  for (int n_slices = 1; n_slices <= 64; ++n_slices) {
    for (int n_ranks = 1; n_ranks <= n_slices; ++n_ranks) {
      if (n_slices % n_ranks != 0) continue;
      EXPECT_EQ(sum_on_ranks(n_slices, n_ranks), tree(0, n_slices)) << n_slices << " slices on " << n_ranks << " ranks";
    }
  }
}

TEST(SummationTree, NodesOfARankAreTheLargestOnes) {
  std::vector<std::pair<int, int>> nodes;
  for_each_rank_node(0, 12, 4, [&](int begin, int end) { nodes.emplace_back(begin, end); });
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
