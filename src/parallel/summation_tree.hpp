// The pairwise tree over gradient slices: which nodes a rank can sum alone, and in what order additions happen.
#pragma once

#include <vector>

namespace cheri::parallel {

/// An order of pairwise additions for a stack: entry i says how often, after row i has been put on the stack, the two
/// topmost values are replaced by their sum.
using AdditionOrder = std::vector<int>;

inline int split_point(int begin, int end) { return begin + (end - begin + 1) / 2; }

/// Appends the order that sums the tree over [begin, end), where nodes with is_leaf(begin, end) are single values.
template <class IsLeaf>
void append_tree(AdditionOrder& order, int begin, int end, const IsLeaf& is_leaf) {
  if (is_leaf(begin, end)) {
    order.push_back(0);
    return;
  }
  const int middle = split_point(begin, end);
  append_tree(order, begin, middle, is_leaf);
  append_tree(order, middle, end, is_leaf);
  ++order.back();
}

/// Calls visit(begin, end) for the largest nodes of the tree over [begin, end) that lie wholly in one rank's rows, in tree
/// order; each rank owns rows_per_rank rows.
template <class Visit>
void for_each_rank_node(int begin, int end, int rows_per_rank, const Visit& visit) {
  if (begin / rows_per_rank == (end - 1) / rows_per_rank) {
    visit(begin, end);
    return;
  }
  const int middle = split_point(begin, end);
  for_each_rank_node(begin, middle, rows_per_rank, visit);
  for_each_rank_node(middle, end, rows_per_rank, visit);
}

/// The largest number of values that the order ever has on its stack.
inline int stack_depth(const AdditionOrder& order) {
  int depth = 0;
  int deepest = 0;
  for (const int additions : order) {
    ++depth;
    if (depth > deepest) deepest = depth;
    depth -= additions;
  }
  return deepest;
}

}   // namespace cheri::parallel
