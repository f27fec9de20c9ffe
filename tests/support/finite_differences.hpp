// Central differences of a scalar function of a View, against an analytic gradient.
#pragma once

#include "support/arrays.hpp"

#include <functional>

namespace cheri::testing {

/// Relative L2 error of `gradient` on at most `samples` coordinates of x, spread evenly. The step balances the error of the
/// third derivative (step^2) against rounding (1e-16 / step): some 1e-10 of the function's scale in double. `scale` as in
/// relative_l2.
template <class ViewType>
double difference_error(const ViewType& x, const std::vector<double>& gradient, const std::function<double()>& function,
                        std::size_t samples = 48, double scale = 0) {
  constexpr double step = 1e-5;
  const auto host = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), x);
  const std::size_t n = host.size();
  if (gradient.size() != n) return INFINITY;
  const auto at = [&](std::size_t i, double value) {
    const double former = host.data()[i];
    host.data()[i] = former + value;
    Kokkos::deep_copy(x, host);
    const double result = function();
    host.data()[i] = former;
    Kokkos::deep_copy(x, host);
    return result;
  };
  std::vector<double> numeric, analytic;
  for (std::size_t k = 0; k < std::min(n, samples); ++k) {
    const std::size_t i = n <= samples ? k : k * n / samples;
    numeric.push_back((at(i, step) - at(i, -step)) / (2 * step));
    analytic.push_back(gradient[i]);
  }
  return relative_l2(analytic, numeric, scale);
}

}   // namespace cheri::testing
