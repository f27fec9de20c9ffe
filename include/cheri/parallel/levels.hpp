// Among whom an exchange between all ranks takes place.
#pragma once

#include "cheri/parallel/communicator.hpp"

#include <memory>
#include <vector>

namespace cheri::parallel {

/// The communicators of one exchange, one after the other: all ranks; or the ranks of a node, then those of all nodes that
/// have the same place in theirs. Two levels send fewer messages: g - 1 and R / g - 1 from each of R ranks, g a node, in
/// place of R - 1; and between nodes 1 / g of the bytes.
using Levels = std::vector<std::shared_ptr<const Communicator>>;

/// As though nodes had ranks_of_node ranks each, one after the other; 0: as they do, and one level if some have more ranks
/// than others or ranks are not numbered node by node. Collective. Throws InputError unless ranks_of_node divides the ranks.
Levels levels_of(const Communicator& all, int ranks_of_node = 0);

/// The ranks of each node, if all nodes have as many and have them one after the other; else 0. `nodes`: of each rank, a
/// number of its node.
int even_ranks_of_node(const std::vector<int>& nodes);

}   // namespace cheri::parallel
