// Views filled from a seed, brought to the host, and compared.
#pragma once

#include "cheri/base/random.hpp"
#include "cheri/base/types.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace cheri::testing {

/// A View of N(0, scale) values.
template <class ViewType, class... Extents>
ViewType normal(std::uint64_t seed, double scale, Extents... extents) {
  const typename ViewType::non_const_type view("cheri::testing::normal", static_cast<std::size_t>(extents)...);
  const auto host = Kokkos::create_mirror_view(view);
  for (std::size_t i = 0; i < host.size(); ++i) {
    host.data()[i] = static_cast<typename ViewType::non_const_value_type>(scale * counter_normal(seed, i));
  }
  Kokkos::deep_copy(view, host);
  return view;
}

/// A View of integers 0 .. bound-1.
template <class ViewType, class... Extents>
ViewType integers(std::uint32_t seed, std::uint32_t bound, Extents... extents) {
  const typename ViewType::non_const_type view("cheri::testing::integers", static_cast<std::size_t>(extents)...);
  const auto host = Kokkos::create_mirror_view(view);
  NumpyRandom random(seed);
  for (std::size_t i = 0; i < host.size(); ++i) {
    host.data()[i] = static_cast<typename ViewType::non_const_value_type>(random.interval(bound - 1));
  }
  Kokkos::deep_copy(view, host);
  return view;
}

/// All elements in row-major order, in double.
template <class ViewType>
std::vector<double> values(const ViewType& view) {
  const typename ViewType::non_const_type whole("cheri::testing::values", view.layout());
  Kokkos::deep_copy(whole, view);
  const auto host = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), whole);
  std::vector<double> result(host.size());
  for (std::size_t i = 0; i < result.size(); ++i) result[i] = static_cast<double>(host.data()[i]);
  return result;
}

/// |a - b| / max(|b|, scale), Euclidean; |a - b| where that is zero; infinite for different sizes or where a is not a
/// number.
inline double relative_l2(const std::vector<double>& a, const std::vector<double>& b, double scale = 0) {
  if (a.size() != b.size()) return INFINITY;
  double difference = 0, size = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference += (a[i] - b[i]) * (a[i] - b[i]);
    size += b[i] * b[i];
  }
  if (std::isnan(difference)) return INFINITY;
  size = std::max(std::sqrt(size), scale);
  return size > 0 ? std::sqrt(difference) / size : std::sqrt(difference);
}

/// The sum of a(i) b(i).
inline double dot(const std::vector<double>& a, const std::vector<double>& b) {
  double total = 0;
  for (std::size_t i = 0; i < a.size(); ++i) total += a[i] * b[i];
  return total;
}

}   // namespace cheri::testing
