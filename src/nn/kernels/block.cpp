// The Cheri block, forward and backward: dilated depthwise convolution, per-example norm, MLP with GELU, residual.
//
// Forward: one pass for mean and variance of the convolution, one that makes a tile of z = norm(conv(x)) and takes it
// through the MLP without leaving the cache. Backward: the same tile is made again; then the gradients at the weights
// (summed part by part), at z, at the convolution, at the input. Saved between the two: x and two statistics an example.
#include "cheri/nn/ops.hpp"
#include "nn/kernels/dilated_conv.hpp"
#include "nn/kernels/gelu.hpp"
#include "nn/kernels/partial_sums.hpp"
#include "nn/kernels/tile_product.hpp"
#include "nn/kernels/tiles.hpp"

namespace cheri::nn {
namespace {

// ---- sizes -----------------------------------------------------------------------------------------------------------

/// The sizes that every kernel here needs.
struct Sizes {
  int examples, length, channels, hidden, dilation;
  int tiles;   ///< of an example
  int packs;   ///< of a row
};

template <class T, class Exec>
Sizes sizes_of(const View<const T***, Exec>& x_NLC, const BlockWeights<T, Exec>& weights) {
  const int channels = static_cast<int>(x_NLC.extent(2));
  const int length = static_cast<int>(x_NLC.extent(1));
  using P = Pack<Exec, T>;
  return {static_cast<int>(x_NLC.extent(0)), length, channels, weights.hidden, weights.dilation, tiles_of<Exec>(length),
          padded<P>(channels) / width<P>};
}

// ---- kernels ---------------------------------------------------------------------------------------------------------

/// Mean and sum of squared deviations of the convolution over one tile, which a second pass over the tile makes exact.
template <class T, class Exec>
struct TileStatistics {
  using P = Pack<Exec, T>;
  View<double***, Exec> sums;
  View<const T***, Exec> x_NLC;
  const T* conv_3C;
  Sizes n;

  KOKKOS_FUNCTION void operator()(const TeamMember<Exec>& team) const {
    const Tile tile = tile_at<Exec>(team.league_rank(), n.length);
    const Rows<const T> x{&x_NLC(tile.example, 0, 0), n.length, n.channels};
    double total = 0;
    Kokkos::parallel_reduce(
        Kokkos::TeamThreadRange(team, n.packs),
        [&](const int pack, double& partial) { partial += column_sum(x, tile, pack * width<P>); }, total);
    const double mean = total / (static_cast<double>(tile.rows) * n.channels);
    double squares = 0;
    Kokkos::parallel_reduce(
        Kokkos::TeamThreadRange(team, n.packs),
        [&](const int pack, double& partial) { partial += column_squares(x, tile, pack * width<P>, static_cast<T>(mean)); },
        squares);
    Kokkos::single(Kokkos::PerTeam(team), [&]() {
      // The mean was rounded to T before it was subtracted: correct the squares for that.
      const double shift = mean - static_cast<double>(static_cast<T>(mean));
      sums(tile.example, tile.index, 0) = mean;
      sums(tile.example, tile.index, 1) = squares - shift * shift * static_cast<double>(tile.rows) * n.channels;
    });
  }

  KOKKOS_FUNCTION double column_sum(const Rows<const T>& x, const Tile& tile, int c) const {
    const Taps<P> w = tap_weights<P>(conv_3C, n.channels, c);
    P total(T(0));
    for (int l = tile.begin; l < tile.begin + tile.rows; ++l) {
      total = total + convolve(neighbours<P>(x, l, n.dilation, c), w);
    }
    return static_cast<double>(sum(total));
  }

  KOKKOS_FUNCTION double column_squares(const Rows<const T>& x, const Tile& tile, int c, T mean) const {
    const Taps<P> w = tap_weights<P>(conv_3C, n.channels, c);
    const P lanes = first_lanes<P>(n.channels - c);
    P total(T(0));
    for (int l = tile.begin; l < tile.begin + tile.rows; ++l) {
      const P deviation = (convolve(neighbours<P>(x, l, n.dilation, c), w) - P(mean)) * lanes;
      total = Kokkos::fma(deviation, deviation, total);
    }
    return static_cast<double>(sum(total));
  }
};

/// Mean and 1/sqrt(var + eps) of an example from its tiles (Chan, Golub, LeVeque 1979: update of pairs of moments).
template <class T, class Exec>
void combine_statistics(const Exec& exec, const View<T**, Exec>& statistics_N2, const View<double***, Exec>& sums,
                        const Sizes& n) {
  Kokkos::parallel_for(
      "cheri::nn::block_forward::combine_statistics", Kokkos::RangePolicy<Exec>(exec, 0, n.examples),
      KOKKOS_LAMBDA(const int example) {
        double count = 0, mean = 0, squares = 0;
        for (int t = 0; t < n.tiles; ++t) {
          const int rows = Kokkos::min(tile_rows<Exec>(), n.length - t * tile_rows<Exec>());
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
  Sizes n;
  int z_stride, a_stride, level;

  [[nodiscard]] KOKKOS_FUNCTION std::size_t scratch_bytes() const {
    return sizeof(T) * static_cast<std::size_t>(tile_rows<Exec>()) * static_cast<std::size_t>(z_stride + a_stride) + 64;
  }

  KOKKOS_FUNCTION void operator()(const TeamMember<Exec>& team) const {
    const Tile tile = tile_at<Exec>(team.league_rank(), n.length);
    const Rows<const T> x{&x_NLC(tile.example, 0, 0), n.length, n.channels};
    const Rows<T> out{&out_NLC(tile.example, 0, 0), n.length, n.channels};
    T* z = static_cast<T*>(team.team_scratch(level).get_shmem_aligned(scratch_bytes() - 64, 64));
    T* a = z + tile_rows<Exec>() * z_stride;
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
  Sizes n;
  int slice_size, z_stride, a_stride, level;

  [[nodiscard]] KOKKOS_FUNCTION std::int64_t linear1_size() const {
    return static_cast<std::int64_t>(n.hidden) * padded<P>(n.channels);
  }
  [[nodiscard]] KOKKOS_FUNCTION std::int64_t part_size() const {
    return linear1_size() + static_cast<std::int64_t>(n.channels) * padded<P>(n.hidden);
  }
  [[nodiscard]] KOKKOS_FUNCTION std::size_t scratch_bytes() const {
    return sizeof(T) * static_cast<std::size_t>(tile_rows<Exec>()) * 2 * static_cast<std::size_t>(z_stride + a_stride) + 64;
  }

  KOKKOS_FUNCTION void operator()(const TeamMember<Exec>& team) const {
    T* part = &partial(team.league_rank() * part_size());
    clear_part(team, part, part_size());
    T* scratch = static_cast<T*>(team.team_scratch(level).get_shmem_aligned(scratch_bytes() - 64, 64));
    const PartRange range = part_range<Exec>(team.league_rank(), slice_size, n.length);
    for (int t = range.begin; t < range.end; ++t) backward_tile(team, tile_at<Exec>(t, n.length), scratch, part);
  }

  KOKKOS_FUNCTION void backward_tile(const TeamMember<Exec>& team, const Tile& tile, T* scratch, T* part) const {
    T* z = scratch;
    T* dm = z + tile_rows<Exec>() * z_stride;
    T* a = dm + tile_rows<Exec>() * z_stride;
    T* dh = a + tile_rows<Exec>() * a_stride;
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

/// The means over an example of dz and of dz z.
template <class Exec>
void combine_sums(const Exec& exec, const View<double**, Exec>& example_sums_N2, const View<double***, Exec>& sums,
                  const Sizes& n) {
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
  Sizes n;
  int slice_size;

  [[nodiscard]] KOKKOS_FUNCTION int row_stride() const { return n.packs * width<P>; }

  KOKKOS_FUNCTION void operator()(const TeamMember<Exec>& team) const {
    T* part = &partial(static_cast<std::int64_t>(team.league_rank()) * 3 * row_stride());
    clear_part(team, part, 3 * row_stride());
    const PartRange range = part_range<Exec>(team.league_rank(), slice_size, n.length);
    for (int t = range.begin; t < range.end; ++t) {
      const Tile tile = tile_at<Exec>(t, n.length);
      Kokkos::parallel_for(Kokkos::TeamThreadRange(team, n.packs),
                           [&](const int pack) { columns(tile, pack * width<P>, part); });
    }
  }

  KOKKOS_FUNCTION void columns(const Tile& tile, int c, T* part) const {
    const Rows<const T> x{&x_NLC(tile.example, 0, 0), n.length, n.channels};
    const Rows<T> dz{&dz_NLC(tile.example, 0, 0), n.length, n.channels};
    const Taps<P> w = tap_weights<P>(conv_3C, n.channels, c);
    const P mean(statistics_N2(tile.example, 0)), rstd(statistics_N2(tile.example, 1));
    const P plain(static_cast<T>(example_sums_N2(tile.example, 0)));
    const P weighted(static_cast<T>(example_sums_N2(tile.example, 1)));
    Taps<P> d_taps{P(T(0)), P(T(0)), P(T(0))};
    for (int l = tile.begin; l < tile.begin + tile.rows; ++l) {
      const Taps<P> taps = neighbours<P>(x, l, n.dilation, c);
      const P z = (convolve(taps, w) - mean) * rstd;
      const P dconv = rstd * (load<P>(dz.at(l, c), n.channels - c) - plain - z * weighted);
      store(dz.at(l, c), dconv, n.channels - c);
      d_taps.before = Kokkos::fma(dconv, taps.before, d_taps.before);
      d_taps.centre = Kokkos::fma(dconv, taps.centre, d_taps.centre);
      d_taps.after = Kokkos::fma(dconv, taps.after, d_taps.after);
    }
    add_to(part + c, d_taps.before);
    add_to(part + row_stride() + c, d_taps.centre);
    add_to(part + 2 * row_stride() + c, d_taps.after);
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
  Sizes n;

  KOKKOS_FUNCTION void operator()(const TeamMember<Exec>& team) const {
    const Tile tile = tile_at<Exec>(team.league_rank(), n.length);
    const Rows<T> dout{&dout_NLC(tile.example, 0, 0), n.length, n.channels};
    const Rows<const T> dconv{&dconv_NLC(tile.example, 0, 0), n.length, n.channels};
    Kokkos::parallel_for(Kokkos::TeamThreadRange(team, n.packs), [&](const int pack) {
      const int c = pack * width<P>;
      const Taps<P> w = tap_weights<P>(conv_3C, n.channels, c);
      const Taps<P> mirrored{w.after, w.centre, w.before};
      for (int l = tile.begin; l < tile.begin + tile.rows; ++l) {
        const P through = convolve(neighbours<P>(dconv, l, n.dilation, c), mirrored);
        store(dout.at(l, c), load<P>(dout.at(l, c), n.channels - c) + through, n.channels - c);
      }
    });
  }
};

}   // namespace

// ---- launchers -------------------------------------------------------------------------------------------------------

template <class T, class Exec>
void block_forward(const Exec& exec, const View<T***, Exec>& out_NLC, const View<T**, Exec>& statistics_N2,
                   const View<const T***, Exec>& x_NLC, const BlockWeights<T, Exec>& weights,
                   const BlockScratch<T, Exec>& scratch) {
  using P = Pack<Exec, T>;
  const Sizes n = sizes_of(x_NLC, weights);
  const T* conv_3C = weights.conv_3C.data();

  const TileStatistics<T, Exec> statistics{scratch.sums, x_NLC, conv_3C, n};
  Kokkos::parallel_for("cheri::nn::block_forward::tile_statistics", team_policy(exec, n.examples * n.tiles), statistics);
  combine_statistics<T>(exec, statistics_N2, scratch.sums, n);

  ForwardTile<T, Exec> forward{out_NLC,
                               x_NLC,
                               statistics_N2,
                               conv_3C,
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

template <class T, class Exec>
void block_backward(const Exec& exec, const GradientRows<T, Exec>& gradient, const View<T***, Exec>& dout_NLC,
                    const View<const T***, Exec>& x_NLC, const View<const T**, Exec>& statistics_N2,
                    const BlockWeights<T, Exec>& weights, const BlockScratch<T, Exec>& scratch) {
  using P = Pack<Exec, T>;
  const Sizes n = sizes_of(x_NLC, weights);
  const T* conv_3C = weights.conv_3C.data();
  const int n_slices = gradient.n_slices(n.examples);
  const int n_parts = n_slices * parts_per_slice;
  const auto dz_NLC = Kokkos::subview(scratch.dz_NLC, std::make_pair(0, n.examples), Kokkos::ALL, Kokkos::ALL);

  BackwardPart<T, Exec> mlp{dz_NLC,
                            scratch.sums,
                            scratch.partial.values,
                            dout_NLC,
                            x_NLC,
                            statistics_N2,
                            conv_3C,
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
  Kokkos::parallel_for("cheri::nn::block_backward::mlp",
                       part_policy(exec, n_parts).set_scratch_size(mlp.level, Kokkos::PerTeam(mlp.scratch_bytes())), mlp);
  combine_sums(exec, scratch.example_sums_N2, scratch.sums, n);

  const PartMatrix d_linear1{mlp.part_size(), 0, n.hidden, n.channels, padded<P>(n.channels)};
  const PartMatrix d_linear2{mlp.part_size(), mlp.linear1_size(), n.channels, n.hidden, padded<P>(n.hidden)};
  add_parts(exec, "cheri::nn::block_backward::add_linear1", gradient, n_slices,
            GradientPlace{weights.linear1_offset, n.channels, 1}, scratch.partial, d_linear1);
  add_parts(exec, "cheri::nn::block_backward::add_linear2", gradient, n_slices,
            GradientPlace{weights.linear2_offset, n.hidden, 1}, scratch.partial, d_linear2);

  const BackwardNorm<T, Exec> norm{dz_NLC, scratch.partial.values, x_NLC, statistics_N2, scratch.example_sums_N2, conv_3C,
                                   n,      gradient.slice_size};
  Kokkos::parallel_for("cheri::nn::block_backward::norm", part_policy(exec, n_parts), norm);
  const PartMatrix d_conv{3 * static_cast<std::int64_t>(norm.row_stride()), 0, 3, n.channels, norm.row_stride()};
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
