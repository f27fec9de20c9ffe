// The product of a tile of rows with a weight matrix: the one place where the arithmetic of the MLP happens on cores.
//
// A micro-tile of `micro_rows` rows by two packs of columns is kept in registers over the whole inner dimension and then
// handed to an epilogue. The right-hand matrix is either packed (weights: panels of two packs, whose rows lie one after
// another) or a scratch tile with its row stride. A team is one thread, which walks panel by panel so that a panel stays in
// the first-level cache.
#pragma once

#include "nn/kernels/pack.hpp"

namespace cheri::nn {

/// Rows of a micro-tile. With two packs of columns AVX-512 needs 16 of its 32 registers for sums, which hides the
/// latency of two fused multiply-adds a cycle; AVX2 and NEON have fewer registers.
template <class Exec>
inline constexpr int micro_rows = 4;
#if defined(KOKKOS_ARCH_AVX512XEON) && !defined(KOKKOS_ENABLE_CUDA)
template <>
inline constexpr int micro_rows<Host> = 8;
#endif

inline constexpr int panel_packs = 2;

template <class Exec>
KOKKOS_FORCEINLINE_FUNCTION constexpr int padded_rows(int n) {
  return (n + micro_rows<Exec> - 1) / micro_rows<Exec> * micro_rows<Exec>;
}

/// Row stride of a scratch tile with n columns: whole packs and whole micro-tiles, and one pack more, so that the rows of
/// a power-of-two width do not fall on the same cache sets.
template <class Exec, class P>
KOKKOS_FORCEINLINE_FUNCTION int tile_stride(int n) {
  return Kokkos::max(padded<P>(n), padded_rows<Exec>(n)) + width<P>;
}

/// The left matrix: element (row, k) is data[row * row_stride + k * k_stride]. Readable up to padded_rows rows.
template <class T>
struct LeftTile {
  const T* data;
  int row_stride;
  int k_stride;
};

/// The right matrix, K rows and n columns (columns padded to whole packs).
template <class T>
struct RightTile {
  const T* data;
  int row_stride;   ///< of a scratch tile; 0 marks a packed matrix

  template <class P>
  [[nodiscard]] KOKKOS_FORCEINLINE_FUNCTION const T* panel(int column, int inner) const {
    return row_stride == 0 ? data + column * inner : data + column;
  }
  template <class P>
  [[nodiscard]] KOKKOS_FORCEINLINE_FUNCTION int stride(int packs) const {
    return row_stride == 0 ? packs * width<P> : row_stride;
  }
};

/// Elements of a packed K x n matrix.
template <class P>
constexpr std::size_t packed_size(int inner, int n) {
  return static_cast<std::size_t>(inner) * static_cast<std::size_t>(padded<P>(n));
}

/// Where element (k, column) of a packed matrix lies.
template <class P>
KOKKOS_FORCEINLINE_FUNCTION std::int64_t packed_index(int k, int column, int inner, int n) {
  constexpr int panel_width = panel_packs * width<P>;
  const int first = column / panel_width * panel_width;
  const int columns = Kokkos::min(panel_width, padded<P>(n) - first);
  return static_cast<std::int64_t>(first) * inner + static_cast<std::int64_t>(k) * columns + (column - first);
}

template <class P, int Rows, int Packs, class Epilogue>
KOKKOS_FORCEINLINE_FUNCTION void micro_tile(int row, int column, int inner, const LeftTile<typename P::value_type>& left,
                                            const RightTile<typename P::value_type>& right, const Epilogue& epilogue) {
  using T = typename P::value_type;
  P sums[Rows][Packs];
  for (int i = 0; i < Rows; ++i) {
    for (int j = 0; j < Packs; ++j) sums[i][j] = P(T(0));
  }
  const T* a = left.data + row * left.row_stride;
  const T* b = right.template panel<P>(column, inner);
  const int b_stride = right.template stride<P>(Packs);
  for (int k = 0; k < inner; ++k) {
    P columns[Packs];
    for (int j = 0; j < Packs; ++j) columns[j] = load<P>(b + j * width<P>);
    for (int i = 0; i < Rows; ++i) {
      const P value(a[i * left.row_stride]);
      for (int j = 0; j < Packs; ++j) sums[i][j] = Kokkos::fma(value, columns[j], sums[i][j]);
    }
    a += left.k_stride;
    b += b_stride;
  }
  for (int i = 0; i < Rows; ++i) {
    for (int j = 0; j < Packs; ++j) epilogue(row + i, column + j * width<P>, sums[i][j]);
  }
}

/// epilogue(row, column, pack of sum_k left(row, k) right(k, column...)) for all rows < padded_rows(rows) and all columns <
/// padded(n) that start a pack. Ends with a barrier of the team.
template <class Exec, class P, class Member, class Epilogue>
KOKKOS_FORCEINLINE_FUNCTION void tile_product(const Member& team, int rows, int n, int inner,
                                              const LeftTile<typename P::value_type>& left,
                                              const RightTile<typename P::value_type>& right, const Epilogue& epilogue) {
  constexpr int row_step = micro_rows<Exec>;
  constexpr int column_step = panel_packs * width<P>;
  const int row_tiles = padded_rows<Exec>(rows) / row_step;
  const int panels = (padded<P>(n) + column_step - 1) / column_step;
  Kokkos::parallel_for(Kokkos::TeamThreadRange(team, panels * row_tiles), [&](const int index) {
    const int row = index % row_tiles * row_step;
    const int column = index / row_tiles * column_step;
    if (column + column_step <= padded<P>(n)) {
      micro_tile<P, row_step, panel_packs>(row, column, inner, left, right, epilogue);
    } else {
      micro_tile<P, row_step, 1>(row, column, inner, left, right, epilogue);
    }
  });
  team.team_barrier();
}

}   // namespace cheri::nn
