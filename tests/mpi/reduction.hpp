// Sums whose order of addition shows in their bits, and a reducer with its buffers.
#pragma once

#include "cheri/parallel/levels.hpp"
#include "cheri/parallel/reducer.hpp"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

namespace cheri::parallel::testing {

/// Element q of slice s: signs and magnitudes vary, so that another order of addition gives other bits.
inline float element(int s, std::int64_t q, int salt) {
  std::uint64_t x = static_cast<std::uint64_t>(s) * 0x9E3779B97F4A7C15u +
                    static_cast<std::uint64_t>(q + 1) * 0xBF58476D1CE4E5B9u + static_cast<std::uint64_t>(salt);
  x = (x ^ (x >> 30)) * 0x94D049BB133111EBu;
  x ^= x >> 31;
  const float mantissa = static_cast<float>(x >> 40) / 16777216.0f - 0.5f;
  return std::ldexp(mantissa, static_cast<int>(x % 16) - 8);
}

/// The definition of the reducer's order.
inline float tree_sum(int begin, int end, std::int64_t q, int salt) {
  if (end - begin == 1) return element(begin, q, salt);
  const int middle = begin + (end - begin + 1) / 2;
  return tree_sum(begin, middle, q, salt) + tree_sum(middle, end, q, salt);
}

inline float sequential_sum(int n_slices, std::int64_t q, int salt) {
  float sum = element(0, q, salt);
  for (int s = 1; s < n_slices; ++s) sum += element(s, q, salt);
  return sum;
}

template <class Sum>
std::vector<float> expected(std::int64_t n, const Sum& sum) {
  std::vector<float> values;
  for (std::int64_t q = 0; q < n; ++q) values.push_back(sum(q));
  return values;
}

inline bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

template <class Exec>
using Transports = std::vector<std::shared_ptr<Transport<Exec>>>;

/// What works everywhere, as though nodes had so many ranks.
template <class Exec>
Transports<Exec> some_transports(const Communicator& world, int ranks_of_node = 1) {
  Transports<Exec> transports;
  for (const auto& level : levels_of(world, ranks_of_node)) transports.push_back(staged_transport<Exec>(level));
  return transports;
}

/// A reducer with its buffers, filled for this rank.
template <class Exec>
class Reduction {
 public:
  Reduction(const Communicator& world, int n_slices, std::int64_t n)
      : Reduction(world, some_transports<Exec>(world), n_slices, n) {}

  Reduction(const Communicator& world, const Transports<Exec>& transports, int n_slices, std::int64_t n)
      : m_reducer(world, transports, n_slices, n),
        m_rows("rows", static_cast<std::size_t>(m_reducer.local_slices()), static_cast<std::size_t>(n)),
        m_total("total", static_cast<std::size_t>(m_reducer.total_length())) {}

  void fill(int salt) {
    const auto rows = Kokkos::create_mirror_view(m_rows);
    for (std::size_t s = 0; s < rows.extent(0); ++s) {
      for (std::size_t q = 0; q < rows.extent(1); ++q) {
        rows(s, q) = element(m_reducer.first_slice() + static_cast<int>(s), static_cast<std::int64_t>(q), salt);
      }
    }
    Kokkos::deep_copy(m_rows, rows);
  }

  void sum() { m_reducer.sum(m_exec, m_total, m_rows); }

  std::vector<float> total() const {
    m_reducer.wait(m_exec);
    std::vector<float> values(m_total.extent(0));
    Kokkos::deep_copy(HostView<float*>(values.data(), values.size()), m_total);
    values.resize(m_rows.extent(1));   // without the padding
    return values;
  }

  std::vector<float> sum_of(int salt) {
    fill(salt);
    sum();
    return total();
  }

  /// 3 numbers a slice: this rank writes those of its slices, number i as 0.1 i, and gathers the others'.
  std::vector<double> gathered(int n_slices) {
    const View<double**, Exec> all("all", static_cast<std::size_t>(n_slices), 3);
    const auto written = Kokkos::create_mirror_view(all);
    const int begin = 3 * m_reducer.first_slice(), end = begin + 3 * m_reducer.local_slices();
    for (int i = begin; i < end; ++i) written.data()[i] = 0.1 * i;
    Kokkos::deep_copy(all, written);
    m_reducer.gather(m_exec, all);
    m_reducer.wait(m_exec);
    std::vector<double> values(all.size());
    Kokkos::deep_copy(HostView<double**>(values.data(), all.extent(0), all.extent(1)), all);
    return values;
  }

  [[nodiscard]] const Exec& exec() const { return m_exec; }
  [[nodiscard]] bool only_enqueues() const { return m_reducer.only_enqueues(); }

 private:
  Exec m_exec;
  Reducer<Exec> m_reducer;
  View<float**, Exec> m_rows;
  View<float*, Exec> m_total;
};

}   // namespace cheri::parallel::testing
