#include "cheri/parallel/reducer.hpp"

#include "parallel/summation_tree.hpp"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

namespace cheri::parallel {

namespace {

constexpr int max_depth = 32;   ///< of the stack: enough for 2^16 slices on any number of ranks

/// Columns that one work item sums together: neighbours vectorise on a CPU, and threads read neighbours on a GPU.
template <class Exec>
constexpr int tile_width = std::is_same_v<Exec, Host> ? 64 : 1;

/// out(i, q) = what AdditionOrder `order` leaves in place i of the stack, for rows(:, q).
template <class Exec, class Out, class Rows>
void sum_in_order(const Exec& exec, const Out& out, const Rows& rows, const View<const int*, Exec>& order) {
  constexpr int width = tile_width<Exec>;
  const int n_out = static_cast<int>(out.extent(0));
  const int n_rows = static_cast<int>(rows.extent(0));
  const std::int64_t n_columns = static_cast<std::int64_t>(rows.extent(1));
  const Kokkos::RangePolicy<Exec, Kokkos::IndexType<std::int64_t>> tiles(exec, 0, (n_columns + width - 1) / width);
  Kokkos::parallel_for(
      "cheri::parallel::sum_in_order", tiles, KOKKOS_LAMBDA(const std::int64_t tile) {
        const std::int64_t begin = tile * width;
        const int columns = static_cast<int>(begin + width < n_columns ? width : n_columns - begin);
        float stack[max_depth][width];
        int depth = 0;
        for (int row = 0; row < n_rows; ++row) {
          for (int c = 0; c < columns; ++c) stack[depth][c] = rows(row, begin + c);
          ++depth;
          for (int i = order(row); i > 0; --i) {
            --depth;
            for (int c = 0; c < columns; ++c) stack[depth - 1][c] += stack[depth][c];
          }
        }
        for (int i = 0; i < n_out; ++i) {
          for (int c = 0; c < columns; ++c) out(i, begin + c) = stack[i][c];
        }
      });
}

template <class Exec>
View<int*, Exec> to_view(const std::string& label, const AdditionOrder& order) {
  CHERI_REQUIRE_INPUT(stack_depth(order) <= max_depth, "too many gradient slices");
  View<int*, Exec> view(Kokkos::view_alloc(label, Kokkos::WithoutInitializing), order.size());
  Kokkos::deep_copy(view, HostView<const int*>(order.data(), order.size()));
  return view;
}

}   // namespace

template <class Exec>
Reducer<Exec>::Reducer(const Communicator& communicator, const std::vector<std::shared_ptr<Transport<Exec>>>& transports,
                       int n_slices, std::int64_t row_length)
    : m_communicator(&communicator),
      m_n_slices(n_slices),
      m_local_slices(n_slices / communicator.size()),
      m_row_length(row_length),
      m_chunk_length((row_length + communicator.size() - 1) / communicator.size()) {
  CHERI_REQUIRE_INPUT(n_slices > 0 && n_slices % communicator.size() == 0,
                      "gradient_slices = " << n_slices << " cannot be shared equally by " << communicator.size()
                                           << " ranks: the number of ranks must divide it");
  CHERI_REQUIRE_INPUT(row_length > 0 && row_length <= std::numeric_limits<int>::max(),
                      "a gradient must have between 1 and 2^31 - 1 elements, not " << row_length);
  m_order = to_view<Exec>("cheri::parallel::Reducer::order",
                          order_of_share(m_n_slices, m_local_slices, m_communicator->rank(), 1));
  Share share{m_local_slices, 0, total_length()};
  if (communicator.size() > 1) {
    for (const auto& transport : transports) share = add_level(transport, share);
  }
  CHERI_REQUIRE(share.slices == m_n_slices,
                "the transports join " << share.slices / m_local_slices << " of " << communicator.size() << " ranks");
}

/// The ranks of a level have `before` each, on end; returns what this one has after their exchange.
template <class Exec>
typename Reducer<Exec>::Share Reducer<Exec>::add_level(const std::shared_ptr<Transport<Exec>>& transport,
                                                       const Share& before) {
  const int size = transport->ranks().size(), rank = transport->ranks().rank();
  const int slices = before.slices * size, index = first_slice() / slices;
  Level level{transport, {}, {}, {}, {}, before.begin};
  for_each_subtree_of_shares(0, m_n_slices, before.slices, [&](int first, int) {
    if (first / slices == index) level.owners.push_back(first % slices / before.slices);
  });
  const auto n_mine = static_cast<std::size_t>(std::count(level.owners.begin(), level.owners.end(), rank));
  const std::int64_t chunk = before.columns / size;
  // Zeros: the padding travels, too.
  level.sums_MP = View<float**, Exec>("cheri::parallel::Reducer::sums", n_mine, static_cast<std::size_t>(before.columns));
  level.received_AB =
      View<float**, Exec>("cheri::parallel::Reducer::received", level.owners.size(), static_cast<std::size_t>(chunk));
  level.order = to_view<Exec>("cheri::parallel::Reducer::order", order_of_share(m_n_slices, slices, index, before.slices));
  transport->reserve(level.sums_MP, level.received_AB);
  m_levels.push_back(level);
  return {slices, before.begin + rank * chunk, chunk};
}

template <class Exec>
void Reducer<Exec>::sum(const Exec& exec, const View<float*, Exec>& total_P, const View<const float**, Exec>& rows_SQ) {
  const auto columns = static_cast<std::size_t>(m_row_length), padded = static_cast<std::size_t>(total_length());
  CHERI_REQUIRE(total_P.extent(0) == padded && rows_SQ.extent(1) == columns &&
                    rows_SQ.extent(0) == static_cast<std::size_t>(m_local_slices),
                "the reducer sums " << m_local_slices << " rows of " << columns << " into " << padded << ", not "
                                    << rows_SQ.extent(0) << " of " << rows_SQ.extent(1) << " into " << total_P.extent(0));
  const auto part = [&](std::int64_t begin, std::size_t length) {
    return View<float**, Exec>(total_P.data() + begin, 1, length);
  };
  sum_in_order(exec, m_levels.empty() ? part(0, columns) : m_levels.front().sums_MP, rows_SQ,
               View<const int*, Exec>(m_order));
  for (std::size_t i = 0; i < m_levels.size(); ++i) {
    const Level& level = m_levels[i];
    level.transport->exchange(exec, level.owners, level.sums_MP, level.received_AB);
    const auto chunk = level.received_AB.extent(1);
    const bool is_last = i + 1 == m_levels.size();
    sum_in_order(exec,
                 is_last ? part(level.begin + level.transport->ranks().rank() * static_cast<std::int64_t>(chunk), chunk)
                         : m_levels[i + 1].sums_MP,
                 View<const float**, Exec>(level.received_AB), View<const int*, Exec>(level.order));
  }
  for (auto level = m_levels.rbegin(); level != m_levels.rend(); ++level) {
    level->transport->gather(exec, View<float*, Exec>(total_P.data() + level->begin, level->sums_MP.extent(1)));
  }
}

/// From the ranks of a node to all: each level gathers what the one before has completed, wherever that is in rank order.
template <class Exec>
void Reducer<Exec>::gather(const Exec& exec, const View<double**, Exec>& all_NG) {
  const int size = m_communicator->size();
  CHERI_REQUIRE(all_NG.extent(0) % static_cast<std::size_t>(size) == 0,
                size << " ranks cannot have equal parts of " << all_NG.extent(0) << " rows");
  // A transport moves bits: a double travels as two floats.
  float* const values = reinterpret_cast<float*>(all_NG.data());
  const std::size_t of_rank = 2 * all_NG.size() / static_cast<std::size_t>(size);
  int joined = 1;
  for (const Level& level : m_levels) {
    joined *= level.transport->ranks().size();
    const auto first = static_cast<std::size_t>(m_communicator->rank() / joined * joined);
    level.transport->gather(exec, View<float*, Exec>(values + first * of_rank, static_cast<std::size_t>(joined) * of_rank));
  }
}

template <class Exec>
bool Reducer<Exec>::only_enqueues() const {
  return std::all_of(m_levels.begin(), m_levels.end(), [](const Level& l) { return l.transport->only_enqueues(); });
}

template <class Exec>
void Reducer<Exec>::wait(const Exec& exec) const {
  std::vector<Transport<Exec>*> transports;
  for (const Level& level : m_levels) transports.push_back(level.transport.get());
  wait_for(*m_communicator, transports, exec);
}

#define CHERI_INSTANTIATE(Exec) template class Reducer<Exec>;
CHERI_FOR_EACH_SPACE(CHERI_INSTANTIATE)
#undef CHERI_INSTANTIATE

}   // namespace cheri::parallel
