// The Cheri block, forward and backward: dilated depthwise convolution, per-example norm, MLP with GELU, residual.
//
// Forward: mean and variance of the convolution, then z = norm(conv(x)) through the MLP. Backward: z and the hidden layer
// are made again; then the gradients at the weights (summed part by part), at z, at the convolution, at the input. Saved
// between the two: x and two statistics an example. Cores take the MLP tile by tile (block_tiles.hpp), a GPU product by
// product (block_products.hpp).
#include "cheri/nn/ops.hpp"
#include "nn/kernels/block_products.hpp"
#include "nn/kernels/block_tiles.hpp"

namespace cheri::nn {
namespace {

// ---- kernels ---------------------------------------------------------------------------------------------------------

/// Mean and sum of squared deviations of the convolution over one tile, which a second pass over the tile makes exact.
template <class T, class Exec>
struct TileStatistics {
  using P = Pack<Exec, T>;
  View<double***, Exec> sums;
  View<const T***, Exec> x_NLC;
  const T* conv_3C;
  BlockSizes n;

  KOKKOS_FUNCTION void operator()(const TeamMember<Exec>& team) const {
    const Tile tile = tile_at(team.league_rank(), n.length);
    const Rows<const T> x{&x_NLC(tile.example, 0, 0), n.length, n.channels};
    double total = 0;
    Kokkos::parallel_reduce(
        Kokkos::TeamThreadRange(team, n.packs * strips<Exec>),
        [&](const int i, double& partial) { partial += strip_sum(x, tile, strip_at<Exec, P>(i, n.packs)); }, total);
    const double mean = total / (static_cast<double>(tile.rows) * n.channels);
    double squares = 0;
    Kokkos::parallel_reduce(
        Kokkos::TeamThreadRange(team, n.packs * strips<Exec>),
        [&](const int i, double& partial) {
          partial += strip_squares(x, tile, strip_at<Exec, P>(i, n.packs), static_cast<T>(mean));
        },
        squares);
    Kokkos::single(Kokkos::PerTeam(team), [&]() {
      // The mean was rounded to T before it was subtracted: correct the squares for that.
      const double shift = mean - static_cast<double>(static_cast<T>(mean));
      sums(tile.example, tile.index, 0) = mean;
      sums(tile.example, tile.index, 1) = squares - shift * shift * static_cast<double>(tile.rows) * n.channels;
    });
  }

  KOKKOS_FUNCTION double strip_sum(const Rows<const T>& x, const Tile& tile, const Strip& strip) const {
    const int c = strip.channel;
    const Taps<P> w = tap_weights<P>(conv_3C, n.channels, c);
    P total(T(0));
    for (int l = tile.begin + strip.first; l < tile.begin + tile.rows; l += strips<Exec>) {
      total = total + convolve(neighbours<P>(x, l, n.dilation, c), w);
    }
    return static_cast<double>(sum(total));
  }

  KOKKOS_FUNCTION double strip_squares(const Rows<const T>& x, const Tile& tile, const Strip& strip, T mean) const {
    const int c = strip.channel;
    const Taps<P> w = tap_weights<P>(conv_3C, n.channels, c);
    const P lanes = first_lanes<P>(n.channels - c);
    P total(T(0));
    for (int l = tile.begin + strip.first; l < tile.begin + tile.rows; l += strips<Exec>) {
      const P deviation = (convolve(neighbours<P>(x, l, n.dilation, c), w) - P(mean)) * lanes;
      total = Kokkos::fma(deviation, deviation, total);
    }
    return static_cast<double>(sum(total));
  }
};

/// Mean and 1/sqrt(var + eps) of an example from its tiles (Chan, Golub, LeVeque 1979: update of pairs of moments).
template <class T, class Exec>
void combine_statistics(const Exec& exec, const View<T**, Exec>& statistics_N2, const View<double***, Exec>& sums,
                        const BlockSizes& n) {
  Kokkos::parallel_for(
      "cheri::nn::block_forward::combine_statistics", Kokkos::RangePolicy<Exec>(exec, 0, n.examples),
      KOKKOS_LAMBDA(const int example) {
        double count = 0, mean = 0, squares = 0;
        for (int t = 0; t < n.tiles; ++t) {
          const int rows = Kokkos::min(int{tile_rows}, n.length - t * tile_rows);
          const double added = static_cast<double>(rows) * n.channels;
          const double delta = sums(example, t, 0) - mean;
          squares += sums(example, t, 1) + delta * delta * count * added / (count + added);
          mean += delta * added / (count + added);
          count += added;
        }
        statistics_N2(example, 0) = static_cast<T>(mean);
        statistics_N2(example, 1) = static_cast<T>(1 / Kokkos::sqrt(Kokkos::max(squares, 0.0) / count + norm_epsilon));
      });
}

/// The means over an example of dz and of dz z.
template <class Exec>
void combine_sums(const Exec& exec, const View<double**, Exec>& example_sums_N2, const View<double***, Exec>& sums,
                  const BlockSizes& n) {
  Kokkos::parallel_for(
      "cheri::nn::block_backward::combine_sums", Kokkos::RangePolicy<Exec>(exec, 0, n.examples),
      KOKKOS_LAMBDA(const int example) {
        double plain = 0, weighted = 0;
        for (int t = 0; t < n.tiles; ++t) {
          plain += sums(example, t, 0);
          weighted += sums(example, t, 1);
        }
        const double elements = static_cast<double>(n.length) * n.channels;
        example_sums_N2(example, 0) = plain / elements;
        example_sums_N2(example, 1) = weighted / elements;
      });
}

/// dconv = rstd (dz - mean(dz) - z mean(dz z)) in place of dz, and the part's gradient of the three taps.
template <class T, class Exec>
struct BackwardNorm {
  using P = Pack<Exec, T>;
  View<T***, Exec> dz_NLC;
  View<T*, Exec> partial;
  View<const T***, Exec> x_NLC;
  View<const T**, Exec> statistics_N2;
  View<const double**, Exec> example_sums_N2;
  const T* conv_3C;
  BlockSizes n;
  int slice_size;

  [[nodiscard]] KOKKOS_FUNCTION int row_stride() const { return n.packs * width<P>; }
  /// Each strip sums in memory of its own.
  [[nodiscard]] KOKKOS_FUNCTION std::int64_t part_size() const { return std::int64_t{strips<Exec>} * 3 * row_stride(); }

  KOKKOS_FUNCTION void operator()(const TeamMember<Exec>& team) const {
    T* part = &partial(team.league_rank() * part_size());
    clear_part(team, part, part_size());
    const PartRange range = part_range<Exec>(team.league_rank(), slice_size, n.length);
    for (int t = range.begin; t < range.end; ++t) {
      const Tile tile = tile_at(t, n.length);
      for_each_strip<Exec, P>(team, n.packs, [&](const Strip& strip) { columns(tile, strip, part); });
    }
    if constexpr (strips < Exec >> 1) add_strips(team, part);
  }

  /// The sums of the strips, in order, to those of the first.
  KOKKOS_FUNCTION void add_strips(const TeamMember<Exec>& team, T* part) const {
    const int size = 3 * row_stride();
    team.team_barrier();
    Kokkos::parallel_for(Kokkos::TeamThreadRange(team, size), [&](const int i) {
      for (int strip = 1; strip < strips<Exec>; ++strip) part[i] += part[strip * size + i];
    });
  }

  KOKKOS_FUNCTION void columns(const Tile& tile, const Strip& strip, T* part) const {
    const int c = strip.channel;
    const Rows<const T> x{&x_NLC(tile.example, 0, 0), n.length, n.channels};
    const Rows<T> dz{&dz_NLC(tile.example, 0, 0), n.length, n.channels};
    const Taps<P> w = tap_weights<P>(conv_3C, n.channels, c);
    const P mean(statistics_N2(tile.example, 0)), rstd(statistics_N2(tile.example, 1));
    const P plain(static_cast<T>(example_sums_N2(tile.example, 0)));
    const P weighted(static_cast<T>(example_sums_N2(tile.example, 1)));
    Taps<P> d_taps{P(T(0)), P(T(0)), P(T(0))};
    struct Row {
      Taps<P> taps;
      P dconv;
    };
    for_each_row<Exec>(
        tile, strip,
        [&](int l) {
          const Taps<P> taps = neighbours<P>(x, l, n.dilation, c);
          const P z = (convolve(taps, w) - mean) * rstd;
          return Row{taps, rstd * (load<P>(dz.at(l, c), n.channels - c) - plain - z * weighted)};
        },
        [&](int l, const Row& row) {
          store(dz.at(l, c), row.dconv, n.channels - c);
          d_taps.before = Kokkos::fma(row.dconv, row.taps.before, d_taps.before);
          d_taps.centre = Kokkos::fma(row.dconv, row.taps.centre, d_taps.centre);
          d_taps.after = Kokkos::fma(row.dconv, row.taps.after, d_taps.after);
        });
    T* sums = part + strip.first * 3 * row_stride() + c;
    add_to(sums, d_taps.before);
    add_to(sums + row_stride(), d_taps.centre);
    add_to(sums + 2 * row_stride(), d_taps.after);
  }

  KOKKOS_FUNCTION static void add_to(T* at, const P& value) { store(at, load<P>(at) + value); }
};

/// dx(p) = dout(p) + dconv(p+d) w0 + dconv(p) w1 + dconv(p-d) w2, in place of dout.
template <class T, class Exec>
struct BackwardInput {
  using P = Pack<Exec, T>;
  View<T***, Exec> dout_NLC;
  View<const T***, Exec> dconv_NLC;
  const T* conv_3C;
  BlockSizes n;

  KOKKOS_FUNCTION void operator()(const TeamMember<Exec>& team) const {
    const Tile tile = tile_at(team.league_rank(), n.length);
    const Rows<T> dout{&dout_NLC(tile.example, 0, 0), n.length, n.channels};
    const Rows<const T> dconv{&dconv_NLC(tile.example, 0, 0), n.length, n.channels};
    for_each_strip<Exec, P>(team, n.packs, [&](const Strip& strip) {
      const int c = strip.channel;
      const Taps<P> w = tap_weights<P>(conv_3C, n.channels, c);
      const Taps<P> mirrored{w.after, w.centre, w.before};
      for_each_row<Exec>(
          tile, strip,
          [&](int l) {
            const P through = convolve(neighbours<P>(dconv, l, n.dilation, c), mirrored);
            return load<P>(dout.at(l, c), n.channels - c) + through;
          },
          [&](int l, const P& dx) { store(dout.at(l, c), dx, n.channels - c); });
    });
  }
};

}   // namespace

// ---- launchers -------------------------------------------------------------------------------------------------------

template <class T, class Exec>
void block_forward(const Exec& exec, const View<T***, Exec>& out_NLC, const View<T**, Exec>& statistics_N2,
                   const View<const T***, Exec>& x_NLC, const BlockWeights<T, Exec>& weights,
                   const BlockScratch<T, Exec>& scratch) {
  const BlockSizes n = sizes_of(x_NLC, weights);
  const T* conv_3C = weights.conv_3C.data();

  const TileStatistics<T, Exec> statistics{scratch.sums, x_NLC, conv_3C, n};
  Kokkos::parallel_for("cheri::nn::block_forward::tile_statistics", team_policy(exec, n.examples * n.tiles), statistics);
  combine_statistics<T>(exec, statistics_N2, scratch.sums, n);

  if constexpr (is_host_space<Exec>) forward_by_tiles<T, Exec>(exec, out_NLC, x_NLC, statistics_N2, weights, n);
  else forward_by_products<T, Exec>(exec, out_NLC, x_NLC, statistics_N2, weights, scratch, n);
}

template <class T, class Exec>
void block_backward(const Exec& exec, const GradientRows<T, Exec>& gradient, const View<T***, Exec>& dout_NLC,
                    const View<const T***, Exec>& x_NLC, const View<const T**, Exec>& statistics_N2,
                    const BlockWeights<T, Exec>& weights, const BlockScratch<T, Exec>& scratch) {
  const BlockSizes n = sizes_of(x_NLC, weights);
  const T* conv_3C = weights.conv_3C.data();
  const int n_slices = gradient.n_slices(n.examples);
  const auto dz_NLC = Kokkos::subview(scratch.dz_NLC, std::make_pair(0, n.examples), Kokkos::ALL, Kokkos::ALL);

  const LinearParts parts = [&] {
    if constexpr (is_host_space<Exec>) {
      return backward_by_tiles<T, Exec>(exec, gradient, dz_NLC, dout_NLC, x_NLC, statistics_N2, weights, scratch, n);
    } else {
      return backward_by_products<T, Exec>(exec, gradient, dz_NLC, dout_NLC, x_NLC, statistics_N2, weights, scratch, n);
    }
  }();
  combine_sums(exec, scratch.example_sums_N2, scratch.sums, n);
  add_parts(exec, "cheri::nn::block_backward::add_linear1", gradient, n_slices,
            GradientPlace{weights.linear1_offset, n.channels, 1}, scratch.partial, parts.linear1);
  add_parts(exec, "cheri::nn::block_backward::add_linear2", gradient, n_slices,
            GradientPlace{weights.linear2_offset, n.hidden, 1}, scratch.partial, parts.linear2);

  const BackwardNorm<T, Exec> norm{dz_NLC, scratch.partial.values, x_NLC, statistics_N2, scratch.example_sums_N2, conv_3C,
                                   n,      gradient.slice_size};
  Kokkos::parallel_for("cheri::nn::block_backward::norm", team_policy(exec, n_slices * parts_per_slice<Exec>), norm);
  const PartMatrix d_conv{parts_per_slice<Exec>, norm.part_size(), 0, 3, n.channels, norm.row_stride()};
  add_parts(exec, "cheri::nn::block_backward::add_conv", gradient, n_slices,
            GradientPlace{weights.conv_offset, n.channels, 1}, scratch.partial, d_conv);

  const BackwardInput<T, Exec> input{dout_NLC, dz_NLC, conv_3C, n};
  Kokkos::parallel_for("cheri::nn::block_backward::input", team_policy(exec, n.examples * n.tiles), input);
}

#define CHERI_BLOCK(T, Exec)                                                                                \
  template void block_forward<T, Exec>(const Exec&, const View<T***, Exec>&, const View<T**, Exec>&,        \
                                       const View<const T***, Exec>&, const BlockWeights<T, Exec>&,         \
                                       const BlockScratch<T, Exec>&);                                       \
  template void block_backward<T, Exec>(const Exec&, const GradientRows<T, Exec>&, const View<T***, Exec>&, \
                                        const View<const T***, Exec>&, const View<const T**, Exec>&,        \
                                        const BlockWeights<T, Exec>&, const BlockScratch<T, Exec>&);
#define CHERI_BLOCK_BOTH(Exec) CHERI_BLOCK(float, Exec) CHERI_BLOCK(double, Exec)
CHERI_FOR_EACH_SPACE(CHERI_BLOCK_BOTH)

}   // namespace cheri::nn
