#include "cheri/train/data_mode.hpp"

#include "cheri/base/check.hpp"
#include "cheri/parallel/shared_memory.hpp"

#include <algorithm>
#include <cmath>
#include <sstream>

namespace cheri::train {

namespace {

/// Records may take this much of the memory that is left. On a host what is left is an estimate of the system; on a GPU the
/// other half is for what the run has not taken yet, and the price of node or stream is small: 0.5 MB more to copy a step.
constexpr double share_of_host = 0.8, share_of_gpu = 0.5;

std::string megabytes(double bytes) {
  std::ostringstream text;
  text << std::llround(bytes / 1e6) << " MB";
  return text.str();
}

double as_double(const MemoryRoom& room) { return static_cast<double>(room.bytes); }

/// The least of all ranks.
MemoryRoom least(const parallel::Communicator& communicator, const MemoryRoom& mine) {
  const std::vector<double> rooms = communicator.gather_all(std::vector<double>{as_double(mine)});
  const std::vector<std::string> limits = communicator.gather_all(mine.limit);
  const auto smallest = std::min_element(rooms.begin(), rooms.end());
  constexpr double largest = 9e18;
  return {static_cast<std::uint64_t>(std::min(*smallest, largest)),
          limits[static_cast<std::size_t>(smallest - rooms.begin())]};
}

std::optional<MemoryRoom> gpu_room(int ranks_of_gpu) {
#if defined(KOKKOS_ENABLE_CUDA)
  std::size_t free = 0, total = 0;
  CHERI_REQUIRE(cudaMemGetInfo(&free, &total) == cudaSuccess, "CUDA does not tell the free memory of the GPU");
  return MemoryRoom{free / static_cast<std::size_t>(ranks_of_gpu), "the GPU's memory that the model leaves free"};
#else
  static_cast<void>(ranks_of_gpu);
  return {};
#endif
}

/// Bytes that a mode takes: of a node, of each process, of a window that the ranks of a node share.
struct Demand {
  double node = 0, process = 0, window = 0;
};

/// The room that is too small for them; none: they fit.
std::optional<MemoryRoom> too_small(const DataFacts& facts, const Demand& demand) {
  if (demand.node > share_of_host * as_double(facts.node)) return facts.node;
  if (demand.process > share_of_host * as_double(facts.process)) return facts.process;
  if (demand.window > share_of_host * as_double(facts.window)) return facts.window;
  return {};
}

std::string of_room(const MemoryRoom& room) { return "of " + megabytes(as_double(room)) + ", " + room.limit; }

/// For records that have no room; `why` says so.
DataPlan choose_stream(const DataFacts& facts, const std::string& why) {
  CHERI_REQUIRE_INPUT(facts.why_not_streamed.empty(),
                      why << ", and cannot be streamed: " << facts.why_not_streamed
                          << ". Or say data.mode = \"device\" or \"node\" if you know that there is room");
  const double rings = static_cast<double>(facts.ring_bytes);
  const std::string next = megabytes(rings) + " of the next steps' records";
  const std::string help = ": a smaller training.batch_size, fewer ranks a node or more memory would help";
  const auto small = too_small(facts, {rings * facts.ranks_of_node, rings, 0});
  CHERI_REQUIRE_INPUT(!small, why << "; nor do " << next << " for each of " << facts.ranks_of_node
                                  << " ranks of a node, which streaming holds, into 80 % " << of_room(*small) << help);
  CHERI_REQUIRE_INPUT(!facts.gpu || rings <= share_of_gpu * as_double(*facts.gpu),
                      why << "; nor do " << next << ", which streaming holds, into half " << of_room(*facts.gpu) << help);
  return {DataMode::stream, why + "; a rank holds " + next};
}

/// On a GPU `device` takes the host's memory as well, for every rank, where a source is not read in pieces; and `node` a
/// ring in pinned memory, which the GPU's is copied from.
DataPlan choose(const DataFacts& facts) {
  const std::string records = megabytes(static_cast<double>(facts.bytes)) + " of records";
  const std::string once = records + " are there once for " + std::to_string(facts.ranks_of_node) + " ranks of a node";
  const bool many = facts.ranks_of_node > 1, in_window = many || facts.gpu;
  const double bytes = static_cast<double>(facts.bytes), staged = facts.gpu ? static_cast<double>(facts.ring_bytes) : 0;
  const auto small_for_each = too_small(facts, {bytes * facts.ranks_of_node, bytes, 0});
  const auto small_for_node =
      too_small(facts, {bytes + staged * facts.ranks_of_node, bytes + staged, in_window ? bytes : 0});
  if (facts.gpu) {
    const bool fits = bytes <= share_of_gpu * as_double(*facts.gpu);
    if (fits && (facts.why_not_streamed.empty() || !small_for_each))
      return {DataMode::device, records + " fit into half " + of_room(*facts.gpu)};
    const bool ring_fits = staged <= share_of_gpu * as_double(*facts.gpu);
    if (!small_for_node && ring_fits)
      return {DataMode::node, fits ? once : records + " do not fit into half " + of_room(*facts.gpu)};
  } else {
    if (many && !small_for_node) return {DataMode::node, once};
    if (!small_for_each) return {DataMode::device, records + " fit into the memory" + (many ? " for each rank" : "")};
  }
  return choose_stream(facts, records + " do not fit into " +
                                  (small_for_node ? "80 % " + of_room(*small_for_node) : "half " + of_room(*facts.gpu)));
}

/// The three parts of n records in one block, each on a cache line of its own.
class RecordBlock {
 public:
  RecordBlock(const data::RecordLayout& layout, std::int64_t n)
      : m_signal(aligned(n, layout.codes_bytes())),
        m_control(m_signal + aligned(n, layout.signal_bytes())),
        m_size(m_control + aligned(n, layout.control_bytes())) {}

  [[nodiscard]] std::size_t bytes() const { return m_size; }
  [[nodiscard]] data::RecordMemory memory(std::byte* block) const {
    return {reinterpret_cast<Code*>(block), block + m_signal, block + m_control};
  }

 private:
  static std::size_t aligned(std::int64_t n, std::size_t bytes) {
    constexpr std::size_t line = 64;
    return (static_cast<std::size_t>(n) * bytes + line - 1) / line * line;
  }

  std::size_t m_signal, m_control, m_size;
};

/// One copy a node, of which each rank reads its share. A GPU takes from it what it needs next.
data::Feed<Device> shared_feed(const parallel::Communicator& communicator, const data::Examples& examples,
                               std::int64_t slots) {
  const std::int64_t n = examples.index.size();
  const RecordBlock block(examples.layout, n);
  const auto shared = std::make_shared<const parallel::SharedMemory>(communicator, block.bytes());
  const data::RecordMemory memory = block.memory(shared->data());
  const parallel::Range mine = parallel::range_of_rank(n, shared->rank(), shared->size());
  examples.read(mine.begin, mine.end, memory.at(examples.layout, mine.begin));
  shared->publish();
  if constexpr (!has_separate_device) {
    static_cast<void>(slots);
    return data::Feed<Device>::in_place(examples, memory, shared);
  } else {
    return data::Feed<Device>::streamed(data::examples_in(examples.index, examples.layout, memory, shared), slots);
  }
}

/// What ranks have read together is awaited without a limit: each reads at its own pace.
data::Sharing sharing_of(const parallel::Communicator& communicator) {
  const auto gather = [&communicator](const std::vector<double>& mine) {
    communicator.barrier(parallel::Limit::none);
    return communicator.gather_all(mine);
  };
  return {communicator.rank(), communicator.size(), gather};
}

}   // namespace

std::string name_of(DataMode mode) {
  return mode == DataMode::device ? "device" : mode == DataMode::node ? "node" : "stream";
}

DataFacts data_facts(const parallel::Communicator& communicator, const std::vector<RingedSplit>& splits, bool share_gpus) {
  DataFacts facts;
  for (const auto& [examples, slots] : splits) {
    facts.bytes += examples->bytes();
    facts.ring_bytes += static_cast<std::uint64_t>(slots) * examples->layout.bytes();
    if (facts.why_not_streamed.empty()) facts.why_not_streamed = examples->source->why_not_streamed();
  }
  facts.ranks_of_node = static_cast<int>(communicator.max(parallel::ranks_of_node(communicator)));
  const HostMemory host = host_memory();
  facts.node = least(communicator, host.node);
  facts.process = least(communicator, host.process);
  facts.window = least(communicator, shared_memory_room());
  if (const auto gpu = gpu_room(share_gpus ? facts.ranks_of_node : 1)) facts.gpu = least(communicator, *gpu);
  return facts;
}

DataPlan choose_mode(const std::string& wanted, const DataFacts& facts) {
  if (wanted == "auto") return choose(facts);
  for (const DataMode mode : {DataMode::device, DataMode::node}) {
    if (wanted == name_of(mode)) return {mode, "as the deck says"};
  }
  CHERI_REQUIRE_INPUT(facts.why_not_streamed.empty(), "data.mode = \"stream\" cannot be: " << facts.why_not_streamed);
  return {DataMode::stream, "as the deck says"};
}

data::Examples open_split(const parallel::Communicator& communicator, const data::DataSpec& spec,
                          const data::Selection& selection) {
  return data::open_examples(spec, selection, sharing_of(communicator));
}

void verify(const parallel::Communicator& communicator, const DataPlan& plan, const data::Examples& examples) {
  if (plan.mode != DataMode::stream) examples.source->verify(sharing_of(communicator));
}

data::Feed<Device> feed_of(const parallel::Communicator& communicator, DataMode mode, const data::Examples& examples,
                           std::int64_t slots) {
  if (mode == DataMode::stream) return data::Feed<Device>::streamed(examples, slots);
  data::Feed<Device> feed =
      mode == DataMode::node ? shared_feed(communicator, examples, slots) : data::Feed<Device>::resident(examples);
  communicator.barrier(parallel::Limit::none);   // as above
  return feed;
}

data::Feed<Device> planned_feed(const parallel::Communicator& communicator, const std::string& wanted, bool share_gpus,
                                const data::Examples& examples, std::int64_t slots) {
  const DataPlan plan = choose_mode(wanted, data_facts(communicator, {{&examples, slots}}, share_gpus));
  verify(communicator, plan, examples);
  return feed_of(communicator, plan.mode, examples, slots);
}

}   // namespace cheri::train
