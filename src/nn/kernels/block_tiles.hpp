// The MLP of a block on cores, tile by tile: a tile of z = norm(conv(x)) goes through the MLP, and back, without leaving the
// cache.
#pragma once

#include "nn/kernels/block.hpp"
#include "nn/kernels/gelu.hpp"
#include "nn/kernels/tile_product.hpp"

namespace cheri::nn {

/// z = (conv(x) - mean) rstd for the rows of a tile; rows up to a whole micro-tile are zero.
template <class P, class Exec, class T>
KOKKOS_FORCEINLINE_FUNCTION void normalised_tile(const TeamMember<Exec>& team, T* z, int stride, const Rows<const T>& x,
                                                 const Tile& tile, const T* conv_3C, int dilation, T mean, T rstd) {
  const int packs = padded<P>(x.channels) / width<P>;
  const int rows = padded_rows<Exec>(tile.rows);
  Kokkos::parallel_for(Kokkos::TeamThreadRange(team, packs), [&](const int pack) {
    const int c = pack * width<P>;
    const Taps<P> w = tap_weights<P>(conv_3C, x.channels, c);
    const P lanes = first_lanes<P>(x.channels - c) * P(rstd);
    for (int r = 0; r < tile.rows; ++r) {
      const P conv = convolve(neighbours<P>(x, tile.begin + r, dilation, c), w);
      store(z + r * stride + c, (conv - P(mean)) * lanes);
    }
    for (int r = tile.rows; r < rows; ++r) store(z + r * stride + c, P(T(0)));
  });
}

template <class T, class Exec>
struct ForwardTile {
  using P = Pack<Exec, T>;
  View<T***, Exec> out_NLC;
  View<const T***, Exec> x_NLC;
  View<const T**, Exec> statistics_N2;
  const T *conv_3C, *linear1_t, *linear2_t;
  T residual_scale;
  BlockSizes n;
  int z_stride, a_stride, level;

  [[nodiscard]] KOKKOS_FUNCTION std::size_t scratch_bytes() const {
    return sizeof(T) * static_cast<std::size_t>(tile_rows) * static_cast<std::size_t>(z_stride + a_stride) + 64;
  }

  KOKKOS_FUNCTION void operator()(const TeamMember<Exec>& team) const {
    const Tile tile = tile_at(team.league_rank(), n.length);
    const Rows<const T> x{&x_NLC(tile.example, 0, 0), n.length, n.channels};
    const Rows<T> out{&out_NLC(tile.example, 0, 0), n.length, n.channels};
    T* z = static_cast<T*>(team.team_scratch(level).get_shmem_aligned(scratch_bytes() - 64, 64));
    T* a = z + tile_rows * z_stride;
    normalised_tile<P, Exec>(team, z, z_stride, x, tile, conv_3C, n.dilation, statistics_N2(tile.example, 0),
                             statistics_N2(tile.example, 1));
    team.team_barrier();
    tile_product<Exec, P>(team, tile.rows, n.hidden, n.channels, {z, z_stride, 1}, {linear1_t, 0},
                          [&](int row, int column, const P& h) { store(a + row * a_stride + column, gelu(h)); });
    tile_product<Exec, P>(team, tile.rows, n.channels, n.hidden, {a, a_stride, 1}, {linear2_t, 0},
                          [&](int row, int c, const P& m) {
                            if (row >= tile.rows) return;
                            const P residual = load<P>(x.at(tile.begin + row, c), n.channels - c);
                            store(out.at(tile.begin + row, c), Kokkos::fma(P(residual_scale), m, residual), n.channels - c);
                          });
  }
};

/// The backward of the MLP over the tiles of one part: dz, the sums of dz and dz z of each tile, and the part's dW1, dW2.
template <class T, class Exec>
struct BackwardPart {
  using P = Pack<Exec, T>;
  View<T***, Exec> dz_NLC;
  View<double***, Exec> sums;
  View<T*, Exec> partial;
  View<const T***, Exec> dout_NLC, x_NLC;
  View<const T**, Exec> statistics_N2;
  const T *conv_3C, *linear1_t, *linear1, *linear2;
  T residual_scale;
  BlockSizes n;
  int slice_size, z_stride, a_stride, level;

  [[nodiscard]] KOKKOS_FUNCTION std::int64_t linear1_size() const {
    return static_cast<std::int64_t>(n.hidden) * padded<P>(n.channels);
  }
  [[nodiscard]] KOKKOS_FUNCTION std::int64_t part_size() const {
    return linear1_size() + static_cast<std::int64_t>(n.channels) * padded<P>(n.hidden);
  }
  [[nodiscard]] KOKKOS_FUNCTION std::size_t scratch_bytes() const {
    return sizeof(T) * static_cast<std::size_t>(tile_rows) * 2 * static_cast<std::size_t>(z_stride + a_stride) + 64;
  }

  KOKKOS_FUNCTION void operator()(const TeamMember<Exec>& team) const {
    T* part = &partial(team.league_rank() * part_size());
    clear_part(team, part, part_size());
    T* scratch = static_cast<T*>(team.team_scratch(level).get_shmem_aligned(scratch_bytes() - 64, 64));
    const PartRange range = part_range<Exec>(team.league_rank(), slice_size, n.length);
    for (int t = range.begin; t < range.end; ++t) backward_tile(team, tile_at(t, n.length), scratch, part);
  }

  KOKKOS_FUNCTION void backward_tile(const TeamMember<Exec>& team, const Tile& tile, T* scratch, T* part) const {
    T* z = scratch;
    T* dm = z + tile_rows * z_stride;
    T* a = dm + tile_rows * z_stride;
    T* dh = a + tile_rows * a_stride;
    T* d_linear1 = part;
    T* d_linear2 = part + linear1_size();
    const Rows<const T> x{&x_NLC(tile.example, 0, 0), n.length, n.channels};
    const Rows<const T> dout{&dout_NLC(tile.example, 0, 0), n.length, n.channels};
    const Rows<T> dz{&dz_NLC(tile.example, 0, 0), n.length, n.channels};

    normalised_tile<P, Exec>(team, z, z_stride, x, tile, conv_3C, n.dilation, statistics_N2(tile.example, 0),
                             statistics_N2(tile.example, 1));
    scaled_tile(team, dm, dout, tile);
    team.team_barrier();
    // h = z W1^T; a = gelu(h); dh holds gelu'(h) until da is there.
    tile_product<Exec, P>(team, tile.rows, n.hidden, n.channels, {z, z_stride, 1}, {linear1_t, 0},
                          [&](int row, int column, const P& h) {
                            const Gelu<P> g = gelu_and_derivative(h);
                            store(a + row * a_stride + column, g.value);
                            store(dh + row * a_stride + column, g.derivative);
                          });
    // da = dm W2; dh = da gelu'(h).
    tile_product<Exec, P>(team, tile.rows, n.hidden, n.channels, {dm, z_stride, 1}, {linear2, 0},
                          [&](int row, int column, const P& da) {
                            T* at = dh + row * a_stride + column;
                            store(at, da * load<P>(at));
                          });
    accumulate(team, d_linear2, n.channels, n.hidden, {dm, 1, z_stride}, {a, a_stride}, tile.rows);
    accumulate(team, d_linear1, n.hidden, n.channels, {dh, 1, a_stride}, {z, z_stride}, tile.rows);
    // dz = dh W1, which also takes the place of dm.
    tile_product<Exec, P>(team, tile.rows, n.channels, n.hidden, {dh, a_stride, 1}, {linear1, 0},
                          [&](int row, int c, const P& value) {
                            store(dm + row * z_stride + c, value);
                            if (row < tile.rows) store(dz.at(tile.begin + row, c), value, n.channels - c);
                          });
    sum_tile(team, tile, dm, z);
  }

  /// dm = s dout.
  KOKKOS_FUNCTION void scaled_tile(const TeamMember<Exec>& team, T* dm, const Rows<const T>& dout, const Tile& tile) const {
    Kokkos::parallel_for(Kokkos::TeamThreadRange(team, padded_rows<Exec>(tile.rows) * n.packs), [&](const int index) {
      const int row = index / n.packs;
      const int c = index % n.packs * width<P>;
      const P value = row < tile.rows ? load<P>(dout.at(tile.begin + row, c), n.channels - c) : P(T(0));
      store(dm + row * z_stride + c, P(residual_scale) * value);
    });
  }

  /// sums (rows x columns, rows padded to packs) += left right, over the rows of the tile.
  KOKKOS_FUNCTION void accumulate(const TeamMember<Exec>& team, T* to, int rows, int columns, const LeftTile<T>& left,
                                  const RightTile<T>& right, int inner) const {
    const int stride = padded<P>(columns);
    tile_product<Exec, P>(team, rows, columns, inner, left, right, [&](int row, int column, const P& value) {
      if (row >= rows) return;
      T* at = to + static_cast<std::int64_t>(row) * stride + column;
      store(at, load<P>(at) + value);
    });
  }

  /// The tile's sums of dz and of dz z. Lanes beyond the channels are zero in both.
  KOKKOS_FUNCTION void sum_tile(const TeamMember<Exec>& team, const Tile& tile, const T* dz, const T* z) const {
    double plain = 0, weighted = 0;
    Kokkos::parallel_reduce(
        Kokkos::TeamThreadRange(team, n.packs),
        [&](const int pack, double& plain_part, double& weighted_part) {
          P plain_pack(T(0)), weighted_pack(T(0));
          for (int row = 0; row < tile.rows; ++row) {
            const P value = load<P>(dz + row * z_stride + pack * width<P>);
            plain_pack = plain_pack + value;
            weighted_pack = Kokkos::fma(value, load<P>(z + row * z_stride + pack * width<P>), weighted_pack);
          }
          plain_part += static_cast<double>(sum(plain_pack));
          weighted_part += static_cast<double>(sum(weighted_pack));
        },
        plain, weighted);
    Kokkos::single(Kokkos::PerTeam(team), [&]() {
      sums(tile.example, tile.index, 0) = plain;
      sums(tile.example, tile.index, 1) = weighted;
    });
    team.team_barrier();
  }
};

// ---- launchers -------------------------------------------------------------------------------------------------------

template <class T, class Exec>
void forward_by_tiles(const Exec& exec, const View<T***, Exec>& out_NLC, const View<const T***, Exec>& x_NLC,
                      const View<const T**, Exec>& statistics_N2, const BlockWeights<T, Exec>& weights,
                      const BlockSizes& n) {
  using P = Pack<Exec, T>;
  ForwardTile<T, Exec> forward{out_NLC,
                               x_NLC,
                               statistics_N2,
                               weights.conv_3C.data(),
                               weights.linear1_t.data(),
                               weights.linear2_t.data(),
                               weights.residual_scale,
                               n,
                               tile_stride<Exec, P>(n.channels),
                               tile_stride<Exec, P>(n.hidden),
                               0};
  forward.level = scratch_level<Exec>(forward.scratch_bytes());
  Kokkos::parallel_for(
      "cheri::nn::block_forward",
      team_policy(exec, n.examples * n.tiles).set_scratch_size(forward.level, Kokkos::PerTeam(forward.scratch_bytes())),
      forward);
}

/// dz, the sums of dz and dz z of each tile, and the parts' sums of dW1 and dW2.
template <class T, class Exec>
LinearParts backward_by_tiles(const Exec& exec, const GradientRows<T, Exec>& gradient, const View<T***, Exec>& dz_NLC,
                              const View<T***, Exec>& dout_NLC, const View<const T***, Exec>& x_NLC,
                              const View<const T**, Exec>& statistics_N2, const BlockWeights<T, Exec>& weights,
                              const BlockScratch<T, Exec>& scratch, const BlockSizes& n) {
  using P = Pack<Exec, T>;
  BackwardPart<T, Exec> mlp{dz_NLC,
                            scratch.sums,
                            scratch.partial.values,
                            dout_NLC,
                            x_NLC,
                            statistics_N2,
                            weights.conv_3C.data(),
                            weights.linear1_t.data(),
                            weights.linear1.data(),
                            weights.linear2.data(),
                            weights.residual_scale,
                            n,
                            gradient.slice_size,
                            tile_stride<Exec, P>(n.channels),
                            tile_stride<Exec, P>(n.hidden),
                            0};
  mlp.level = scratch_level<Exec>(mlp.scratch_bytes());
  constexpr int parts = parts_per_slice<Exec>;
  Kokkos::parallel_for("cheri::nn::block_backward::mlp",
                       team_policy(exec, gradient.n_slices(n.examples) * parts)
                           .set_scratch_size(mlp.level, Kokkos::PerTeam(mlp.scratch_bytes())),
                       mlp);
  return {{parts, mlp.part_size(), 0, n.hidden, n.channels, padded<P>(n.channels)},
          {parts, mlp.part_size(), mlp.linear1_size(), n.channels, n.hidden, padded<P>(n.hidden)}};
}

}   // namespace cheri::nn
