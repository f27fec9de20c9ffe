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
Reducer<Exec>::Reducer(const Communicator& communicator, std::shared_ptr<Transport<Exec>> transport, int n_slices,
                       std::int64_t row_length)
    : m_communicator(&communicator),
      m_transport(std::move(transport)),
      m_n_slices(n_slices),
      m_local_slices(n_slices / communicator.size()),
      m_row_length(row_length),
      m_chunk_length((row_length + communicator.size() - 1) / communicator.size()) {
  CHERI_REQUIRE_INPUT(n_slices > 0 && n_slices % communicator.size() == 0,
                      "gradient_slices = " << n_slices << " cannot be shared equally by " << communicator.size()
                                           << " ranks: the number of ranks must divide it");
  CHERI_REQUIRE_INPUT(row_length > 0 && row_length <= std::numeric_limits<int>::max(),
                      "a gradient must have between 1 and 2^31 - 1 elements, not " << row_length);
  CHERI_REQUIRE(communicator.size() == 1 || m_transport, "several ranks need a transport");

  AdditionOrder local_order;
  for_each_rank_node(0, n_slices, m_local_slices, [&](int begin, int end) {
    const int owner = begin / m_local_slices;
    m_node_owners.push_back(owner);
    const auto is_row = [](int b, int e) { return e - b == 1; };
    if (owner == communicator.rank()) append_tree(local_order, begin, end, is_row);
  });
  m_local_order = to_view<Exec>("cheri::parallel::Reducer::local_order", local_order);
  if (communicator.size() > 1) allocate_exchange();
}

template <class Exec>
void Reducer<Exec>::allocate_exchange() {
  AdditionOrder global_order;
  append_tree(global_order, 0, m_n_slices,
              [&](int begin, int end) { return begin / m_local_slices == (end - 1) / m_local_slices; });
  m_global_order = to_view<Exec>("cheri::parallel::Reducer::global_order", global_order);

  const auto n_mine =
      static_cast<std::size_t>(std::count(m_node_owners.begin(), m_node_owners.end(), m_communicator->rank()));
  // Zeros: the padding travels, too.
  m_nodes_MP = View<float**, Exec>("cheri::parallel::Reducer::nodes", n_mine, static_cast<std::size_t>(total_length()));
  m_received_AB = View<float**, Exec>("cheri::parallel::Reducer::received", m_node_owners.size(),
                                      static_cast<std::size_t>(m_chunk_length));
  m_transport->reserve(m_nodes_MP, m_received_AB);
}

template <class Exec>
void Reducer<Exec>::sum(const Exec& exec, const View<float*, Exec>& total_P, const View<const float**, Exec>& rows_SQ) {
  const auto columns = static_cast<std::size_t>(m_row_length), padded = static_cast<std::size_t>(total_length());
  CHERI_REQUIRE(total_P.extent(0) == padded && rows_SQ.extent(1) == columns &&
                    rows_SQ.extent(0) == static_cast<std::size_t>(m_local_slices),
                "the reducer sums " << m_local_slices << " rows of " << columns << " into " << padded << ", not "
                                    << rows_SQ.extent(0) << " of " << rows_SQ.extent(1) << " into " << total_P.extent(0));
  const View<const int*, Exec> local_order = m_local_order, global_order = m_global_order;
  if (m_communicator->size() == 1) {
    sum_in_order(exec, View<float**, Exec>(total_P.data(), 1, columns), rows_SQ, local_order);
    return;
  }
  sum_in_order(exec, m_nodes_MP, rows_SQ, local_order);
  m_transport->exchange(exec, m_node_owners, m_nodes_MP, m_received_AB);
  float* my_chunk = total_P.data() + m_communicator->rank() * m_chunk_length;
  sum_in_order(exec, View<float**, Exec>(my_chunk, 1, static_cast<std::size_t>(m_chunk_length)),
               View<const float**, Exec>(m_received_AB), global_order);
  m_transport->gather(exec, total_P);
}

template <class Exec>
void Reducer<Exec>::gather(const Exec& exec, const View<double**, Exec>& all_NG) {
  if (m_communicator->size() == 1) return;
  CHERI_REQUIRE(all_NG.extent(0) % static_cast<std::size_t>(m_communicator->size()) == 0,
                m_communicator->size() << " ranks cannot have equal parts of " << all_NG.extent(0) << " rows");
  // A transport moves bits: a double travels as two floats.
  m_transport->gather(exec, View<float*, Exec>(reinterpret_cast<float*>(all_NG.data()), 2 * all_NG.size()));
}

#define CHERI_INSTANTIATE(Exec) template class Reducer<Exec>;
CHERI_FOR_EACH_SPACE(CHERI_INSTANTIATE)
#undef CHERI_INSTANTIATE

}   // namespace cheri::parallel
