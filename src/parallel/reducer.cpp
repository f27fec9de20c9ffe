#include "cheri/parallel/reducer.hpp"

#include "parallel/summation_tree.hpp"

#include <algorithm>
#include <limits>
#include <string>

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

template <class ViewType>
ViewType uninitialised(const std::string& label, std::size_t rows, std::size_t columns) {
  return ViewType(Kokkos::view_alloc(label, Kokkos::WithoutInitializing), rows, columns);
}

}   // namespace

template <class Exec>
Reducer<Exec>::Reducer(const Communicator& communicator, int n_slices, std::int64_t row_length)
    : m_communicator(&communicator), m_n_slices(n_slices), m_row_length(row_length) {
  const int n_ranks = communicator.size();
  CHERI_REQUIRE_INPUT(n_slices > 0 && n_slices % n_ranks == 0,
                      "gradient_slices = " << n_slices << " cannot be shared equally by " << n_ranks
                                           << " ranks: the number of ranks must divide it");
  CHERI_REQUIRE_INPUT(row_length > 0 && row_length <= std::numeric_limits<int>::max(),
                      "a gradient must have between 1 and 2^31 - 1 elements, not " << row_length);
  m_local_slices = n_slices / n_ranks;

  AdditionOrder local_order;
  for_each_rank_node(0, n_slices, m_local_slices, [&](int begin, int end) {
    const int owner = begin / m_local_slices;
    m_node_owners.push_back(owner);
    const auto is_row = [](int b, int e) { return e - b == 1; };
    if (owner == communicator.rank()) append_tree(local_order, begin, end, is_row);
  });
  m_local_order = to_view<Exec>("cheri::parallel::Reducer::local_order", local_order);
  if (n_ranks > 1) allocate_exchange();
}

template <class Exec>
void Reducer<Exec>::allocate_exchange() {
  const int n_ranks = m_communicator->size();
  AdditionOrder global_order;
  append_tree(global_order, 0, m_n_slices,
              [&](int begin, int end) { return begin / m_local_slices == (end - 1) / m_local_slices; });
  m_global_order = to_view<Host>("cheri::parallel::Reducer::global_order", global_order);

  for (int rank = 0; rank < n_ranks; ++rank) {
    const Range chunk = range_of_rank(m_row_length, rank, n_ranks);
    m_chunk_sizes.push_back(static_cast<int>(chunk.size()));
    m_chunk_begins.push_back(static_cast<int>(chunk.begin));
  }
  const auto n_nodes = m_node_owners.size();
  const auto n_mine =
      static_cast<std::size_t>(std::count(m_node_owners.begin(), m_node_owners.end(), m_communicator->rank()));
  const auto columns = static_cast<std::size_t>(m_row_length);
  const auto my_columns = static_cast<std::size_t>(m_chunk_sizes[static_cast<std::size_t>(m_communicator->rank())]);

  m_nodes_MQ = uninitialised<View<float**, Exec>>("cheri::parallel::Reducer::nodes", n_mine, columns);
  m_received_AB = uninitialised<MessageView<float**>>("cheri::parallel::Reducer::received", n_nodes, my_columns);
  m_chunk_1B = uninitialised<MessageView<float**>>("cheri::parallel::Reducer::chunk", 1, my_columns);
  if constexpr (staged) {
    m_sent_MQ = uninitialised<MessageView<float**>>("cheri::parallel::Reducer::sent", n_mine, columns);
    m_total_Q =
        MessageView<float*>(Kokkos::view_alloc("cheri::parallel::Reducer::total", Kokkos::WithoutInitializing), columns);
  } else {
    m_sent_MQ = m_nodes_MQ;
  }
  m_requests.reserve(n_nodes + n_mine * static_cast<std::size_t>(n_ranks));
}

template <class Exec>
void Reducer<Exec>::exchange_chunks() {
  const MPI_Comm comm = m_communicator->handle();
  const int rank = m_communicator->rank();
  const std::size_t my_columns = m_received_AB.extent(1);
  m_requests.clear();
  for (std::size_t node = 0; node < m_node_owners.size(); ++node) {
    MPI_Request& request = m_requests.emplace_back(MPI_REQUEST_NULL);
    CHERI_MPI_CHECK(MPI_Irecv(m_received_AB.data() + node * my_columns, static_cast<int>(my_columns), MPI_FLOAT,
                              m_node_owners[node], static_cast<int>(node), comm, &request));
  }
  const float* values = m_sent_MQ.data();
  for (std::size_t node = 0; node < m_node_owners.size(); ++node) {
    if (m_node_owners[node] != rank) continue;
    for (std::size_t to = 0; to < m_chunk_sizes.size(); ++to) {
      MPI_Request& request = m_requests.emplace_back(MPI_REQUEST_NULL);
      CHERI_MPI_CHECK(MPI_Isend(values + m_chunk_begins[to], m_chunk_sizes[to], MPI_FLOAT, static_cast<int>(to),
                                static_cast<int>(node), comm, &request));
    }
    values += m_row_length;
  }
  CHERI_MPI_CHECK(MPI_Waitall(static_cast<int>(m_requests.size()), m_requests.data(), MPI_STATUSES_IGNORE));
}

template <class Exec>
void Reducer<Exec>::gather_chunks(float* total) {
  CHERI_MPI_CHECK(MPI_Allgatherv(m_chunk_1B.data(), static_cast<int>(m_chunk_1B.extent(1)), MPI_FLOAT, total,
                                 m_chunk_sizes.data(), m_chunk_begins.data(), MPI_FLOAT, m_communicator->handle()));
}

template <class Exec>
void Reducer<Exec>::sum(const Exec& exec, const View<float*, Exec>& total_Q, const View<const float**, Exec>& rows_SQ) {
  const auto columns = static_cast<std::size_t>(m_row_length);
  CHERI_REQUIRE(total_Q.extent(0) == columns && rows_SQ.extent(1) == columns &&
                    rows_SQ.extent(0) == static_cast<std::size_t>(m_local_slices),
                "the reducer sums " << m_local_slices << " rows of " << columns << ", not " << rows_SQ.extent(0) << " of "
                                    << rows_SQ.extent(1) << " into " << total_Q.extent(0));
  if (m_communicator->size() == 1) {
    sum_in_order(exec, View<float**, Exec>(total_Q.data(), 1, columns), rows_SQ, View<const int*, Exec>(m_local_order));
    return;
  }
  sum_in_order(exec, m_nodes_MQ, rows_SQ, View<const int*, Exec>(m_local_order));
  if constexpr (staged) Kokkos::deep_copy(exec, m_sent_MQ, m_nodes_MQ);
  exec.fence("cheri::parallel::Reducer::sum: nodes");

  exchange_chunks();
  const Host host;
  sum_in_order(host, m_chunk_1B, m_received_AB, View<const int*, Host>(m_global_order));
  host.fence("cheri::parallel::Reducer::sum: chunk");

  if constexpr (staged) {
    gather_chunks(m_total_Q.data());
    Kokkos::deep_copy(exec, total_Q, m_total_Q);
  } else {
    gather_chunks(total_Q.data());
  }
}

#define CHERI_INSTANTIATE(Exec) template class Reducer<Exec>;
CHERI_FOR_EACH_SPACE(CHERI_INSTANTIATE)
#undef CHERI_INSTANTIATE

}   // namespace cheri::parallel
