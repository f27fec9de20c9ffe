// The pairwise tree over gradient slices: which subtrees a share of the slices can sum alone, and in what order additions
// happen.
#pragma once

#include <vector>

namespace cheri::parallel {

/// An order of pairwise additions for a stack: entry i says how often, after row i has been put on the stack, the two
/// topmost values are replaced by their sum.
using AdditionOrder = std::vector<int>;

inline int split_point(int begin, int end) { return begin + (end - begin + 1) / 2; }

/// Appends the order that sums the tree over [begin, end), where subtrees with is_leaf(begin, end) are single values.
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

/// Calls visit(begin, end) for the largest subtrees of the tree over [begin, end) that lie wholly in one share of the rows,
/// in tree order; shares are rows_of_share consecutive rows each, from 0 on.
template <class Visit>
void for_each_subtree_of_shares(int begin, int end, int rows_of_share, const Visit& visit) {
  if (begin / rows_of_share == (end - 1) / rows_of_share) {
    visit(begin, end);
    return;
  }
  const int middle = split_point(begin, end);
  for_each_subtree_of_shares(begin, middle, rows_of_share, visit);
  for_each_subtree_of_shares(middle, end, rows_of_share, visit);
}

/// The order that sums the subtrees of one share from those of smaller shares of which it is made. n_rows: of the whole
/// tree.
inline AdditionOrder order_of_share(int n_rows, int rows_of_share, int share, int rows_of_smaller) {
  AdditionOrder order;
  for_each_subtree_of_shares(0, n_rows, rows_of_share, [&](int begin, int end) {
    const auto is_given = [&](int b, int e) { return b / rows_of_smaller == (e - 1) / rows_of_smaller; };
    if (begin / rows_of_share == share) append_tree(order, begin, end, is_given);
  });
  return order;
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
