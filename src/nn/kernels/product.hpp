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

template <int value>
struct Constant {
  static constexpr int at = value;
};

/// body(Constant<0>()), ..., body(Constant<n - 1>()): an array that is indexed so stays in registers.
template <int n, int first = 0, class Body>
KOKKOS_FORCEINLINE_FUNCTION void unrolled(const Body& body) {
  if constexpr (first < n) {
    body(Constant<first>());
    unrolled<n, first + 1>(body);
  }
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

/// What one thread brings of `sides` x `depth` elements of a factor, and of the next ones along the sum, from memory to
/// shared memory. Beyond a side of the result it brings the last row or column again: nobody stores what comes of that.
template <class T, Along along, int sides, int depth, int threads>
class Shipment {
 public:
  static constexpr int padding = 4;   // shifts the banks of neighbouring k, and keeps quads aligned

  KOKKOS_FORCEINLINE_FUNCTION Shipment(const Factor<T, along>& factor, int first, int begin, int rank)
      : m_side(along == Along::sum ? rank / depth : rank % sides),
        m_depth(along == Along::sum ? rank % depth : rank / sides),
        m_k(begin + m_depth),
        m_step(along == Along::sum ? depth : depth * factor.stride) {
    m_from = factor.at(first, m_k);
    for (int j = 0; j < size; ++j) {
      const int i = Kokkos::min(m_side + j * sides_apart, factor.side - 1 - first);
      m_offsets[j] = along == Along::sum ? i * factor.stride : i + j * depths_apart * factor.stride;
    }
  }

  KOKKOS_FORCEINLINE_FUNCTION void load(int end) {
    for (int j = 0; j < size; ++j) m_elements[j] = m_k + j * depths_apart < end ? m_from[m_offsets[j]] : T(0);
    m_k += depth;
    m_from += m_step;
  }
  KOKKOS_FORCEINLINE_FUNCTION void store(T (*to)[sides + padding]) const {
    for (int j = 0; j < size; ++j) to[m_depth + j * depths_apart][m_side + j * sides_apart] = m_elements[j];
  }

 private:
  static constexpr int size = sides * depth / threads;
  static constexpr int sides_apart = along == Along::sum ? threads / depth : 0;
  static constexpr int depths_apart = along == Along::sum ? 0 : threads / sides;
  int m_side, m_depth, m_k, m_step;
  const T* m_from;
  int m_offsets[size];
  T m_elements[size];
};

/// epilogue(part, row, column, quad of sum_k left(row, k) right(column, k), count of columns in it), k over the part.
/// Tiles of 128 x 128, eight indices of the sum at a time: on an H100 the gradients of the weights at C = 128 take 19 %
/// longer in tiles of 64 columns, 6 % longer with sixteen indices.
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
    Left next_left(left, row, begin, rank);
    Right next_right(right, column, begin, rank);
    next_left.load(end);
    next_right.load(end);
    for (int k = begin, turn = 0; k < end; k += depth, turn ^= 1) {
      next_left.store(stages[turn].left);
      next_right.store(stages[turn].right);
      team.team_barrier();
      next_left.load(end);
      next_right.load(end);
      multiply(stages[turn], place, sums);
    }
    unrolled<4 * row_quads>([&](auto i) {
      const int r = row + place.row + i.at / 4 * (rows / row_quads) + i.at % 4;
      unrolled<column_quads>([&](auto j) {
        const int c = column + place.column + j.at * (columns / column_quads);
        if (r < left.side && c < right.side) epilogue(part, r, c, sums[i.at][j.at], right.side - c);
      });
    });
  }

  KOKKOS_FORCEINLINE_FUNCTION static void multiply(const Stage& stage, const Place& place, Sums& sums) {
    unrolled<depth>([&](auto k) {
      Quad<T> l[row_quads], r[column_quads];
      for (int i = 0; i < row_quads; ++i) l[i] = quad_at(&stage.left[k.at][place.row + i * (rows / row_quads)]);
      for (int j = 0; j < column_quads; ++j) {
        r[j] = quad_at(&stage.right[k.at][place.column + j * (columns / column_quads)]);
      }
      for (int i = 0; i < 4 * row_quads; ++i) {
        for (int j = 0; j < 4 * column_quads; ++j) {
          T& sum = sums[i][j / 4].at[j % 4];
          sum = Kokkos::fma(l[i / 4].at[i % 4], r[j / 4].at[j % 4], sum);
        }
      }
    });
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
