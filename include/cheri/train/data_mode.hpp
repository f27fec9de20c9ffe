// Where the records of a run are: in the memory of each device, once a node, or in the file.
#pragma once

#include "cheri/base/memory.hpp"
#include "cheri/data/examples.hpp"
#include "cheri/data/feed.hpp"
#include "cheri/parallel/communicator.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace cheri::train {

enum class DataMode : std::uint8_t { device, node, stream };

[[nodiscard]] std::string name_of(DataMode mode);   ///< as in a deck

struct DataPlan {
  DataMode mode = DataMode::device;
  std::string why;
};

/// A split, and the slots that a ring of its records has.
struct RingedSplit {
  const data::Examples* examples;
  std::int64_t slots;
};

/// What the choice depends on, the same on all ranks.
struct DataFacts {
  std::uint64_t bytes = 0;            ///< of all records
  std::uint64_t ring_bytes = 0;       ///< of those in the rings of a rank
  std::string why_not_streamed;       ///< empty: they can be
  int ranks_of_node = 1;              ///< the most of any node
  std::optional<MemoryRoom> gpu;      ///< of the GPU that has the least; none: cores compute
  MemoryRoom node, process, window;   ///< of the node or process that has the least; for a shared window too
};

/// Collective. Of the memory that is left at this moment.
DataFacts data_facts(const parallel::Communicator& communicator, const std::vector<RingedSplit>& splits, bool share_gpus);

/// `wanted` is data.mode. "auto": device where a GPU holds the records twice over, or where cores compute and a node has one
/// rank, or room for each of its ranks but no window for all; else node; stream where the host's memory does not hold them.
/// Throws InputError if what is wanted cannot be, and for "auto" where memory does not hold the rings of stream either.
DataPlan choose_mode(const std::string& wanted, const DataFacts& facts);

/// Opens a split; all ranks count for its outliers together. Collective.
data::Examples open_split(const parallel::Communicator& communicator, const data::DataSpec& spec,
                          const data::Selection& selection);

/// The file of resident records is read once and its checksums are compared, by all ranks together; that of streamed ones is
/// checked record by record. Collective.
void verify(const parallel::Communicator& communicator, const DataPlan& plan, const data::Examples& examples);

/// The feed of a split, with a ring of so many slots where records are streamed. Collective.
data::Feed<Device> feed_of(const parallel::Communicator& communicator, DataMode mode, const data::Examples& examples,
                           std::int64_t slots);

/// The same for a split that is alone, in the mode that is wanted. Collective.
data::Feed<Device> planned_feed(const parallel::Communicator& communicator, const std::string& wanted, bool share_gpus,
                                const data::Examples& examples, std::int64_t slots);

}   // namespace cheri::train
