// The MLP of a block on a GPU: z = norm(conv(x)) for all rows, then the products of whole matrices, whose epilogues hold the
// rest. The hidden layer lies in memory between two products: that is less time than the products take.
#pragma once

#include "nn/kernels/block.hpp"
#include "nn/kernels/gelu.hpp"
#include "nn/kernels/product.hpp"

namespace cheri::nn {

// ---- kernels ---------------------------------------------------------------------------------------------------------

template <class T, class Exec>
struct Normalise {
  using P = Pack<Exec, T>;
  View<T***, Exec> z_NLC;
  View<const T***, Exec> x_NLC;
  View<const T**, Exec> statistics_N2;
  const T* conv_3C;
  BlockSizes n;

  KOKKOS_FUNCTION void operator()(const TeamMember<Exec>& team) const {
    const Tile tile = tile_at(team.league_rank(), n.length);
    const Rows<const T> x = example_rows<const T, Exec>(x_NLC, tile.example);
    const Rows<T> z = example_rows<T, Exec>(z_NLC, tile.example);
    const P mean(statistics_N2(tile.example, 0)), rstd(statistics_N2(tile.example, 1));
    for_each_strip<Exec, P>(team, n.packs, [&](const Strip& strip) {
      const Taps<P> w = tap_weights<P>(conv_3C, n.channels, strip.channel);
      for_each_row<Exec>(
          tile, strip, [&](int l) { return (convolve(neighbours<P>(x, l, n.dilation, strip.channel), w) - mean) * rstd; },
          [&](int l, const P& value) { store(z.at(l, strip.channel), value); });
    });
  }
};

/// The sums over a tile of dz and of dz z.
template <class T, class Exec>
struct TileSums {
  View<double***, Exec> sums;
  View<const T***, Exec> dz_NLC, z_NLC;
  BlockSizes n;

  KOKKOS_FUNCTION void operator()(const TeamMember<Exec>& team) const {
    const Tile tile = tile_at(team.league_rank(), n.length);
    const T* dz = &dz_NLC(tile.example, tile.begin, 0);
    const T* z = &z_NLC(tile.example, tile.begin, 0);
    double plain = 0, weighted = 0;
    Kokkos::parallel_reduce(
        Kokkos::TeamThreadRange(team, tile.rows * n.channels),
        [&](const int i, double& plain_part, double& weighted_part) {
          plain_part += static_cast<double>(dz[i]);
          weighted_part += static_cast<double>(dz[i] * z[i]);
        },
        plain, weighted);
    Kokkos::single(Kokkos::PerTeam(team), [&]() {
      sums(tile.example, tile.index, 0) = plain;
      sums(tile.example, tile.index, 1) = weighted;
    });
  }
};

// ---- epilogues -------------------------------------------------------------------------------------------------------

template <class T>
using Scalar = simd::simd<T, simd::simd_abi::scalar>;

/// a = gelu(h).
template <class T>
struct StoreGelu {
  QuadRows<T> a;

  KOKKOS_FUNCTION void operator()(int /*part*/, int row, int column, const Quad<T>& h, int count) const {
    Quad<T> value;
    for (int i = 0; i < 4; ++i) value.at[i] = sum(gelu(Scalar<T>(h.at[i])));
    store(a.at(row, column), value, count);
  }
};

/// a = gelu(h), and gelu'(h) where dh will be.
template <class T>
struct StoreGeluAndDerivative {
  QuadRows<T> a, dh;

  KOKKOS_FUNCTION void operator()(int /*part*/, int row, int column, const Quad<T>& h, int count) const {
    Quad<T> value, derivative;
    for (int i = 0; i < 4; ++i) {
      const Gelu<Scalar<T>> g = gelu_and_derivative(Scalar<T>(h.at[i]));
      value.at[i] = sum(g.value);
      derivative.at[i] = sum(g.derivative);
    }
    store(a.at(row, column), value, count);
    store(dh.at(row, column), derivative, count);
  }
};

/// dh = s da gelu'(h), in place of the latter.
template <class T>
struct MultiplyInto {
  QuadRows<T> dh;
  T scale;

  KOKKOS_FUNCTION void operator()(int /*part*/, int row, int column, const Quad<T>& da, int count) const {
    Quad<T> value = load_quad(dh.at(row, column), count);
    for (int i = 0; i < 4; ++i) value.at[i] *= scale * da.at[i];
    store(dh.at(row, column), value, count);
  }
};

// ---- launchers -------------------------------------------------------------------------------------------------------

template <class T, class Exec>
void normalise(const Exec& exec, const View<T***, Exec>& z_NLC, const View<const T***, Exec>& x_NLC,
               const View<const T**, Exec>& statistics_N2, const BlockWeights<T, Exec>& weights, const BlockSizes& n) {
  Kokkos::parallel_for("cheri::nn::block::normalise", team_policy(exec, n.examples * n.tiles),
                       Normalise<T, Exec>{z_NLC, x_NLC, statistics_N2, weights.conv_3C.data(), n});
}

/// The factors of the products: every matrix of rows, and the weights W1 (H,C) and W2 (C,H), as they lie in memory.
template <class T, class Exec>
struct MlpFactors {
  BlockSizes n;
  const BlockWeights<T, Exec>& weights;
  int rows = n.examples * n.length;
  SumCut over_channels{n.channels, 1}, over_hidden{n.hidden, 1};

  [[nodiscard]] Factor<T, Along::sum> rows_of(const T* data, int stride) const { return {data, rows, stride}; }
  [[nodiscard]] Factor<T, Along::sum> w1_t() const { return {weights.linear1_HC.data(), n.hidden, n.channels}; }
  [[nodiscard]] Factor<T, Along::sum> w2_t() const { return {weights.linear2_CH.data(), n.channels, n.hidden}; }
  [[nodiscard]] Factor<T, Along::side> w1() const { return {weights.linear1_HC.data(), n.channels, n.channels}; }
  [[nodiscard]] Factor<T, Along::side> w2() const { return {weights.linear2_CH.data(), n.hidden, n.hidden}; }
};

/// out = x + s W2 gelu(W1 z). z lies in the memory of out until the first product has read it.
template <class T, class Exec>
void forward_by_products(const Exec& exec, const View<T***, Exec>& out_NLC, const View<const T***, Exec>& x_NLC,
                         const View<const T**, Exec>& statistics_N2, const BlockWeights<T, Exec>& weights,
                         const BlockScratch<T, Exec>& scratch, const BlockSizes& n) {
  const MlpFactors<T, Exec> factors{n, weights};
  const QuadRows<T> a{scratch.hidden.data(), whole_quads(n.hidden)};
  normalise<T, Exec>(exec, out_NLC, x_NLC, statistics_N2, weights, n);
  product<T>(exec, "cheri::nn::block_forward::hidden", 1, factors.rows_of(out_NLC.data(), n.channels), factors.w1_t(),
             factors.over_channels, StoreGelu<T>{a});
  product<T>(exec, "cheri::nn::block_forward::output", 1, factors.rows_of(a.data, a.stride), factors.w2_t(),
             factors.over_hidden,
             AddScaled<T>{{out_NLC.data(), n.channels}, {x_NLC.data(), n.channels}, weights.residual_scale});
}

/// dz, the sums of dz and dz z of each tile, and the parts' sums of dW1 and dW2.
template <class T, class Exec>
LinearParts backward_by_products(const Exec& exec, const GradientRows<T, Exec>& gradient, const View<T***, Exec>& dz_NLC,
                                 const View<const T***, Exec>& dout_NLC, const View<const T***, Exec>& x_NLC,
                                 const View<const T**, Exec>& statistics_N2, const BlockWeights<T, Exec>& weights,
                                 const BlockScratch<T, Exec>& scratch, const BlockSizes& n) {
  const MlpFactors<T, Exec> factors{n, weights};
  const int stride = whole_quads(n.hidden);
  const QuadRows<T> a{scratch.hidden.data(), stride}, dh{scratch.d_hidden.data(), stride};
  const auto z_NLC = Kokkos::subview(scratch.z_NLC, std::make_pair(0, n.examples), Kokkos::ALL, Kokkos::ALL);
  normalise<T, Exec>(exec, z_NLC, x_NLC, statistics_N2, weights, n);
  product<T>(exec, "cheri::nn::block_backward::hidden", 1, factors.rows_of(z_NLC.data(), n.channels), factors.w1_t(),
             factors.over_channels, StoreGeluAndDerivative<T>{a, dh});
  product<T>(exec, "cheri::nn::block_backward::d_hidden", 1, factors.rows_of(dout_NLC.data(), n.channels), factors.w2(),
             factors.over_channels, MultiplyInto<T>{dh, weights.residual_scale});
  product<T>(exec, "cheri::nn::block_backward::dz", 1, factors.rows_of(dh.data, stride), factors.w1(), factors.over_hidden,
             StoreProduct<T>{{dz_NLC.data(), n.channels}});
  Kokkos::parallel_for("cheri::nn::block_backward::tile_sums", team_policy(exec, n.examples * n.tiles),
                       TileSums<T, Exec>{scratch.sums, dz_NLC, z_NLC, n});

  const int n_slices = gradient.n_slices(n.examples), parts = mlp_parts<Exec>(n.channels, n.hidden);
  const SumCut over_rows{gradient.slice_size * n.length, parts};
  const auto side = [](const T* data, int columns, int row_stride) {
    return Factor<T, Along::side>{data, columns, row_stride};
  };
  const std::int64_t part_size = std::int64_t{n.hidden} * whole_quads(n.channels) + std::int64_t{n.channels} * stride;
  const PartMatrix d_w1{parts, part_size, 0, n.hidden, n.channels, whole_quads(n.channels)};
  const PartMatrix d_w2{parts, part_size, std::int64_t{n.hidden} * d_w1.row_stride, n.channels, n.hidden, stride};
  product<T>(exec, "cheri::nn::block_backward::d_linear1", n_slices * parts, side(dh.data, n.hidden, stride),
             side(z_NLC.data(), n.channels, n.channels), over_rows, StorePart<T>{scratch.partial.values.data(), d_w1, T(1)});
  product<T>(exec, "cheri::nn::block_backward::d_linear2", n_slices * parts, side(dout_NLC.data(), n.channels, n.channels),
             side(a.data, n.hidden, stride), over_rows,
             StorePart<T>{scratch.partial.values.data(), d_w2, weights.residual_scale});
  return {d_w1, d_w2};
}

}   // namespace cheri::nn
