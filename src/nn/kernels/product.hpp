// The products of matrices in a GPU's memory: one team makes one tile of the result, in registers over the whole sum.
//
// The two factors come through shared memory a few indices of the sum at a time, so that a thread reads eight elements of
// either for 64 fused multiply-adds, four at an access; the next ones are on their way meanwhile. Each element of the
// result is summed in the order of the sum, whatever tile it lies in.
#pragma once

#include "nn/kernels/partial_sums.hpp"

namespace cheri::nn {

/// Four elements for one access.
template <class T>
struct alignas(16) Quad {
  T at[4];
};

/// n rounded up to whole quads.
constexpr int whole_quads(int n) { return (n + 3) / 4 * 4; }

/// The first `count` of four elements: one store where they are whole and aligned.
template <class T>
KOKKOS_FORCEINLINE_FUNCTION void store(T* to, const Quad<T>& quad, int count) {
  if (count >= 4 && reinterpret_cast<std::uintptr_t>(to) % sizeof(Quad<T>) == 0) {
    *reinterpret_cast<Quad<T>*>(to) = quad;
  } else {
    for (int i = 0; i < 4; ++i) {
      if (i < count) to[i] = quad.at[i];
    }
  }
}

template <class T>
KOKKOS_FORCEINLINE_FUNCTION const Quad<T>& quad_at(const T* from) {
  return *reinterpret_cast<const Quad<T>*>(from);
}

/// The first `count` of four elements, zeros behind them.
template <class T>
KOKKOS_FORCEINLINE_FUNCTION Quad<T> load_quad(const T* from, int count) {
  if (count >= 4 && reinterpret_cast<std::uintptr_t>(from) % sizeof(Quad<T>) == 0) {
    return quad_at(from);
  }
  Quad<T> quad;
  for (int i = 0; i < 4; ++i) quad.at[i] = i < count ? from[i] : T(0);
  return quad;
}

/// Which index of a factor runs along memory: that of the sum, or the other one, along a side of the result.
enum class Along { sum, side };

/// A factor: element (i, k), i < side the row or column of the result, k the index of the sum.
template <class T, Along along>
struct Factor {
  const T* data;
  int side;
  int stride;   ///< elements between neighbours of the index that does not run along memory

  [[nodiscard]] KOKKOS_FORCEINLINE_FUNCTION const T* at(int i, int k) const {
    if constexpr (along == Along::sum) return data + static_cast<std::int64_t>(i) * stride + k;
    else return data + static_cast<std::int64_t>(k) * stride + i;
  }
};

/// Part p of the sum: every `slice` indices are cut into `parts`.
struct SumCut {
  int slice;
  int parts;

  [[nodiscard]] KOKKOS_FORCEINLINE_FUNCTION int begin(int part) const {
    return part / parts * slice + static_cast<int>(static_cast<std::int64_t>(slice) * (part % parts) / parts);
  }
};

/// What one thread brings of `sides` x `depth` elements of a factor from memory to shared memory.
template <class T, Along along, int sides, int depth, int threads>
struct Shipment {
  static constexpr int padding = 4;   // shifts the banks of neighbouring k, and keeps quads aligned
  static constexpr int size = sides * depth / threads;
  T elements[size];

  KOKKOS_FORCEINLINE_FUNCTION static int side_of(int element) {
    return along == Along::sum ? element / depth : element % sides;
  }
  KOKKOS_FORCEINLINE_FUNCTION static int k_of(int element) {
    return along == Along::sum ? element % depth : element / sides;
  }

  KOKKOS_FORCEINLINE_FUNCTION void load(const Factor<T, along>& factor, int first, int k, int end, int rank) {
    for (int j = 0; j < size; ++j) {
      const int i = first + side_of(rank + j * threads);
      const int at = k + k_of(rank + j * threads);
      elements[j] = i < factor.side && at < end ? *factor.at(i, at) : T(0);
    }
  }
  KOKKOS_FORCEINLINE_FUNCTION void store(T (*to)[sides + padding], int rank) const {
    for (int j = 0; j < size; ++j) to[k_of(rank + j * threads)][side_of(rank + j * threads)] = elements[j];
  }
};

/// epilogue(part, row, column, quad of sum_k left(row, k) right(column, k), count of columns in it), k over the part.
template <class T, class Exec, int columns, Along left_along, Along right_along, class Epilogue>
struct Product {
  static constexpr int rows = 128, depth = 8;
  /// Quads of rows and of columns of a thread, and how many threads stand across the tile.
  static constexpr int row_quads = 2, column_quads = columns >= 128 ? 2 : 1, across = columns / (4 * column_quads);
  static constexpr int threads = rows / (4 * row_quads) * across;
  using Left = Shipment<T, left_along, rows, depth, threads>;
  using Right = Shipment<T, right_along, columns, depth, threads>;
  struct Stage {
    T left[depth][rows + Left::padding];
    T right[depth][columns + Right::padding];
  };
  using Policy =
      Kokkos::TeamPolicy<Exec, Kokkos::IndexType<int>, Kokkos::LaunchBounds<threads, sizeof(T) == 4 ? 512 / threads : 1>>;
  using Member = typename Policy::member_type;

  Factor<T, left_along> left;
  Factor<T, right_along> right;
  SumCut cut;
  Epilogue epilogue;

  [[nodiscard]] KOKKOS_FUNCTION int row_tiles() const { return (left.side + rows - 1) / rows; }
  [[nodiscard]] KOKKOS_FUNCTION int column_tiles() const { return (right.side + columns - 1) / columns; }

  /// Where a thread's first quads begin; its second ones lie half a tile on. The 32 threads of a warp stand as a rectangle
  /// of 4 x 8, so that its accesses to a factor fall on few addresses.
  struct Place {
    int row, column;
    KOKKOS_FORCEINLINE_FUNCTION explicit Place(int rank) {
      const int warp = rank / 32, lane = rank % 32;
      row = 4 * (warp / (across / 8) * 4 + lane / 8);
      column = 4 * (warp % (across / 8) * 8 + lane % 8);
    }
  };
  using Sums = Quad<T>[4 * row_quads][column_quads];

  KOKKOS_FUNCTION void operator()(const Member& team) const {
    const int rank = team.team_rank();
    const int tile = team.league_rank() / column_tiles();
    const int column = team.league_rank() % column_tiles() * columns;
    const int row = tile % row_tiles() * rows;
    const int part = tile / row_tiles();
    const int begin = cut.begin(part), end = cut.begin(part + 1);
    auto* stages = static_cast<Stage*>(team.team_scratch(0).get_shmem_aligned(2 * sizeof(Stage), 16));
    const Place place(rank);
    Sums sums = {};
    Left next_left;
    Right next_right;
    next_left.load(left, row, begin, end, rank);
    next_right.load(right, column, begin, end, rank);
    for (int k = begin, turn = 0; k < end; k += depth, turn ^= 1) {
      next_left.store(stages[turn].left, rank);
      next_right.store(stages[turn].right, rank);
      team.team_barrier();
      next_left.load(left, row, k + depth, end, rank);
      next_right.load(right, column, k + depth, end, rank);
      multiply(stages[turn], place, sums);
    }
    for (int i = 0; i < 4 * row_quads; ++i) {
      const int r = row + place.row + i / 4 * (rows / row_quads) + i % 4;
      for (int j = 0; j < column_quads; ++j) {
        const int c = column + place.column + j * (columns / column_quads);
        if (r < left.side && c < right.side) epilogue(part, r, c, sums[i][j], right.side - c);
      }
    }
  }

  KOKKOS_FORCEINLINE_FUNCTION static void multiply(const Stage& stage, const Place& place, Sums& sums) {
    for (int k = 0; k < depth; ++k) {
      Quad<T> l[row_quads], r[column_quads];
      for (int i = 0; i < row_quads; ++i) l[i] = quad_at(&stage.left[k][place.row + i * (rows / row_quads)]);
      for (int j = 0; j < column_quads; ++j) r[j] = quad_at(&stage.right[k][place.column + j * (columns / column_quads)]);
      for (int i = 0; i < 4 * row_quads; ++i) {
        for (int j = 0; j < 4 * column_quads; ++j) {
          T& sum = sums[i][j / 4].at[j % 4];
          sum = Kokkos::fma(l[i / 4].at[i % 4], r[j / 4].at[j % 4], sum);
        }
      }
    }
  }
};

template <int columns, class T, class Exec, Along left_along, Along right_along, class Epilogue>
void launch_product(const Exec& exec, const std::string& label, int parts, const Factor<T, left_along>& left,
                    const Factor<T, right_along>& right, const SumCut& cut, const Epilogue& epilogue) {
  using Kernel = Product<T, Exec, columns, left_along, right_along, Epilogue>;
  const Kernel kernel{left, right, cut, epilogue};
  typename Kernel::Policy policy(exec, parts * kernel.row_tiles() * kernel.column_tiles(), Kernel::threads, 1);
  Kokkos::parallel_for(label, policy.set_scratch_size(0, Kokkos::PerTeam(2 * sizeof(typename Kernel::Stage) + 16)), kernel);
}

/// The product of two factors for `parts` parts of the sum, in tiles as wide as the result asks for.
template <class T, class Exec, Along left_along, Along right_along, class Epilogue>
void product(const Exec& exec, const std::string& label, int parts, const Factor<T, left_along>& left,
             const Factor<T, right_along>& right, const SumCut& cut, const Epilogue& epilogue) {
  if (right.side <= 32) launch_product<32>(exec, label, parts, left, right, cut, epilogue);
  else if (right.side <= 64) launch_product<64>(exec, label, parts, left, right, cut, epilogue);
  else launch_product<128>(exec, label, parts, left, right, cut, epilogue);
}

// ---- epilogues -------------------------------------------------------------------------------------------------------

/// Rows of a matrix in memory.
template <class T>
struct QuadRows {
  T* data;
  int stride;

  [[nodiscard]] KOKKOS_FORCEINLINE_FUNCTION T* at(int row, int column) const {
    return data + static_cast<std::int64_t>(row) * stride + column;
  }
};

/// to = base + scale value.
template <class T>
struct AddScaled {
  QuadRows<T> to;
  QuadRows<const T> base;
  T scale;

  KOKKOS_FUNCTION void operator()(int /*part*/, int row, int column, const Quad<T>& value, int count) const {
    Quad<T> total = load_quad(base.at(row, column), count);
    for (int i = 0; i < 4; ++i) total.at[i] = Kokkos::fma(scale, value.at[i], total.at[i]);
    store(to.at(row, column), total, count);
  }
};

template <class T>
struct StoreProduct {
  QuadRows<T> to;

  KOKKOS_FUNCTION void operator()(int /*part*/, int row, int column, const Quad<T>& value, int count) const {
    store(to.at(row, column), value, count);
  }
};

/// A part's sums of a parameter gradient, times a factor.
template <class T>
struct StorePart {
  T* data;
  PartMatrix matrix;
  T scale;

  KOKKOS_FUNCTION void operator()(int part, int row, int column, const Quad<T>& value, int count) const {
    Quad<T> scaled;
    for (int i = 0; i < 4; ++i) scaled.at[i] = scale * value.at[i];
    store(data + part * matrix.part_stride + matrix.begin + static_cast<std::int64_t>(row) * matrix.row_stride + column,
          scaled, count);
  }
};

}   // namespace cheri::nn
