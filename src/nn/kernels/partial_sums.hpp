// Parameter gradients in two steps: every part sums its rows into memory of its own, then the parts of a slice are added in
// order. No atomics, and nothing that depends on who ran which part.
#pragma once

#include "cheri/nn/ops.hpp"
#include "nn/kernels/tiles.hpp"

#include <string>

namespace cheri::nn {

/// One matrix of a part's memory: rows x columns, rows padded to row_stride, `begin` elements into the part.
struct PartMatrix {
  int parts;                  ///< of a slice
  std::int64_t part_stride;   ///< elements of a part
  std::int64_t begin;
  int rows;
  int columns;
  int row_stride;
};

/// Where in the gradient a matrix goes: element (row, column) to offset + row * row_step + column * column_step.
struct GradientPlace {
  std::int64_t offset;
  std::int64_t row_step;
  std::int64_t column_step;

  KOKKOS_FORCEINLINE_FUNCTION std::int64_t operator()(std::int64_t row, int column) const {
    return offset + row * row_step + column * column_step;
  }
};

/// A place of no parameter: the element is dropped.
inline constexpr std::int64_t nowhere = -1;

/// gradient_SP(s, place(row, column)) = sum over the parts of slice s, in order.
template <class T, class Exec, class Place>
void add_parts(const Exec& exec, const std::string& label, const GradientRows<T, Exec>& gradient, int n_slices,
               const Place& place, const PartialSums<T, Exec>& partial, const PartMatrix& matrix) {
  using P = Pack<Exec, T>;
  const int packs = padded<P>(matrix.columns) / width<P>;
  const auto gradient_SP = gradient.gradient_SP;
  const auto values = partial.values;
  Kokkos::parallel_for(
      label, Kokkos::RangePolicy<Exec>(exec, 0, static_cast<std::int64_t>(n_slices) * matrix.rows * packs),
      KOKKOS_LAMBDA(const std::int64_t index) {
        const int column = static_cast<int>(index % packs) * width<P>;
        const std::int64_t row = index / packs % matrix.rows;
        const std::int64_t slice = index / packs / matrix.rows;
        const T* part = &values(slice * matrix.parts * matrix.part_stride + matrix.begin + row * matrix.row_stride + column);
        P total(T(0));
        for (int p = 0; p < matrix.parts; ++p) {
          total = total + load<P>(part);
          part += matrix.part_stride;
        }
        T elements[width<P>];
        store(elements, total);
        for (int i = 0; i < width<P> && column + i < matrix.columns; ++i) {
          const std::int64_t to = place(row, column + i);
          if (to != nowhere) gradient_SP(slice, to) = elements[i];
        }
      });
}

/// Fills a team's part with zeros.
template <class T, class Member>
KOKKOS_INLINE_FUNCTION void clear_part(const Member& team, T* part, std::int64_t size) {
  Kokkos::parallel_for(Kokkos::TeamThreadRange(team, static_cast<int>(size)), [&](const int i) { part[i] = T(0); });
  team.team_barrier();
}

}   // namespace cheri::nn
