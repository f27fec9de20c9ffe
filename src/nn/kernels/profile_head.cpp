// The profile head: a convolution of 75 taps from C features and K controls to T tracks, on the output window only.
#include "cheri/nn/ops.hpp"
#include "nn/kernels/partial_sums.hpp"
#include "nn/kernels/product.hpp"
#include "nn/kernels/tiles.hpp"

namespace cheri::nn {
namespace {

constexpr int reach = head_taps / 2;

// ---- mathematics -----------------------------------------------------------------------------------------------------

struct Sizes {
  int examples, length, channels, tracks, window, controls, trimming;
  int row;   ///< channels padded to whole packs
};

/// Of the taps k = 0..74, those for which position `first + k` lies in [0, length).
struct TapRange {
  int begin, end;
};
KOKKOS_FORCEINLINE_FUNCTION TapRange taps_inside(int first, int length) {
  return {Kokkos::max(0, -first), Kokkos::min(int{head_taps}, length - first)};
}

/// The controls' share of a logit.
template <class T, class Exec>
KOKKOS_FUNCTION T control_share(const View<const T***, Exec>& control_NKL, const View<const T*, Exec>& weight,
                                const Sizes& n, int example, int t, int w) {
  const int first = n.trimming + w - reach;
  const TapRange taps = taps_inside(first, n.length);
  T total = 0;
  for (int j = 0; j < n.controls; ++j) {
    const T* weights = &weight(static_cast<std::int64_t>(t * (n.channels + n.controls) + n.channels + j) * head_taps);
    for (int k = taps.begin; k < taps.end; ++k) total += control_NKL(example, j, first + k) * weights[k];
  }
  return total;
}

// ---- kernels of cores ------------------------------------------------------------------------------------------------

/// Logits: dot products of 75 rows of features with the weights, in packs of partial sums, and the controls' share. Inside
/// an example eight neighbouring logits are made at once: each weight is loaded once for them, and eight chains of sums
/// hide the latency of a fused multiply-add.
template <class T, class Exec>
struct ProfileForward {
  using P = Pack<Exec, T>;
  static constexpr int block = 8;
  View<T***, Exec> logits_NTW;
  View<const T***, Exec> features_NLC, control_NKL;
  View<const T*, Exec> packed, weight, bias;
  Sizes n;

  KOKKOS_FUNCTION void operator()(const TeamMember<Exec>& team) const {
    const Tile tile = tile_at(team.league_rank(), n.window);
    const int blocks = (tile.rows + block - 1) / block;
    Kokkos::parallel_for(Kokkos::TeamThreadRange(team, n.tracks * blocks), [&](const int index) {
      const int t = index / blocks;
      const int w = tile.begin + index % blocks * block;
      const int last = Kokkos::min(w + block, tile.begin + tile.rows);
      const int first = n.trimming + w - reach;
      if (last - w == block && first >= 0 && first + block - 1 + head_taps <= n.length) {
        inner_logits(tile.example, t, w);
      } else {
        for (int at = w; at < last; ++at) edge_logit(tile.example, t, at);
      }
    });
  }

  /// Logits [w, w + block), whose taps all lie inside the example.
  KOKKOS_FUNCTION void inner_logits(int example, int t, int w) const {
    P sums[block];
    for (int i = 0; i < block; ++i) sums[i] = P(T(0));
    for (int c = 0; c < n.channels; c += width<P>) {
      const T* weights = &packed(t * head_taps * n.row + c);
      const T* features = &features_NLC(example, n.trimming + w - reach, c);
      for (int k = 0; k < head_taps; ++k) {
        const P tap = load<P>(weights + k * n.row);
        for (int i = 0; i < block; ++i) {
          sums[i] = Kokkos::fma(load<P>(features + (k + i) * n.channels, n.channels - c), tap, sums[i]);
        }
      }
    }
    for (int i = 0; i < block; ++i) write_logit(example, t, w + i, sum(sums[i]));
  }

  /// A logit whose taps may reach over an end of the example.
  KOKKOS_FUNCTION void edge_logit(int example, int t, int w) const {
    const int first = n.trimming + w - reach;
    const TapRange taps = taps_inside(first, n.length);
    P total(T(0));
    for (int k = taps.begin; k < taps.end; ++k) {
      const T* weights = &packed((t * head_taps + k) * n.row);
      const T* features = &features_NLC(example, first + k, 0);
      for (int c = 0; c < n.channels; c += width<P>) {
        total = Kokkos::fma(load<P>(features + c, n.channels - c), load<P>(weights + c), total);
      }
    }
    write_logit(example, t, w, sum(total));
  }

  KOKKOS_FUNCTION void write_logit(int example, int t, int w, T features_share) const {
    logits_NTW(example, t, w) = bias(t) + features_share + control_share<T, Exec>(control_NKL, weight, n, example, t, w);
  }
};

/// dfeatures(p, c) = sum over tracks and taps of dlogits(t, p + 37 - k - trimming) W(t, c, k).
template <class T, class Exec>
struct ProfileBackwardInput {
  using P = Pack<Exec, T>;
  View<T***, Exec> dfeatures_NLC;
  View<const T***, Exec> dlogits_NTW;
  View<const T*, Exec> packed;
  Sizes n;

  KOKKOS_FUNCTION void operator()(const TeamMember<Exec>& team) const {
    const Tile tile = tile_at(team.league_rank(), n.length);
    const int packs = n.row / width<P>;
    Kokkos::parallel_for(Kokkos::TeamThreadRange(team, tile.rows * packs), [&](const int index) {
      const int p = tile.begin + index / packs;
      const int c = index % packs * width<P>;
      // Window position w = p + reach - k - trimming lies in [0, window) for k in (last - window, last].
      const int last = p + reach - n.trimming;
      const int k_begin = Kokkos::max(0, last - n.window + 1);
      const int k_end = Kokkos::min(int{head_taps}, last + 1);
      P total(T(0));
      for (int t = 0; t < n.tracks; ++t) {
        for (int k = k_begin; k < k_end; ++k) {
          total = Kokkos::fma(P(dlogits_NTW(tile.example, t, last - k)), load<P>(&packed((t * head_taps + k) * n.row + c)),
                              total);
        }
      }
      store(&dfeatures_NLC(tile.example, p, c), total, n.channels - c);
    });
  }
};

// ---- kernels of both -------------------------------------------------------------------------------------------------

/// Gradients of a part: T x 75 rows of channels, then T x K x 75 taps of the controls, then T biases. The first are products
/// on a GPU.
template <class T, class Exec>
struct ProfileBackwardWeights {
  using P = Pack<Exec, T>;
  View<T*, Exec> partial;
  View<const T***, Exec> dlogits_NTW, features_NLC, control_NKL;
  Sizes n;
  int slice_size;

  [[nodiscard]] KOKKOS_FUNCTION int control_begin() const { return n.tracks * head_taps * n.row; }
  [[nodiscard]] KOKKOS_FUNCTION int bias_begin() const { return control_begin() + n.tracks * n.controls * head_taps; }
  [[nodiscard]] KOKKOS_FUNCTION std::int64_t part_size() const { return bias_begin() + n.tracks; }

  KOKKOS_FUNCTION void operator()(const TeamMember<Exec>& team) const {
    T* part = &partial(team.league_rank() * part_size());
    constexpr bool with_features = is_host_space<Exec>;
    const int first = with_features ? 0 : control_begin();
    clear_part(team, part + first, part_size() - first);
    const PartRange range = part_range<Exec>(team.league_rank(), slice_size, n.window);
    const int packs = n.row / width<P>;
    for (int i = range.begin; i < range.end; ++i) {
      const Tile tile = tile_at(i, n.window);
      Kokkos::parallel_for(Kokkos::TeamThreadRange(team, with_features ? packs * n.tracks * head_taps : 0),
                           [&](const int index) {
                             const int k = index % head_taps;
                             const int t = index / head_taps % n.tracks;
                             feature_tap(tile, t, k, index / head_taps / n.tracks * width<P>, part);
                           });
      Kokkos::parallel_for(Kokkos::TeamThreadRange(team, n.tracks * (n.controls * head_taps + 1)),
                           [&](const int index) { control_tap(tile, index, part); });
    }
  }

  /// Window positions of the tile whose input at tap k lies inside the example.
  [[nodiscard]] KOKKOS_FUNCTION TapRange rows_inside(const Tile& tile, int k) const {
    const int shift = n.trimming + k - reach;
    return {Kokkos::max(tile.begin, -shift), Kokkos::min(tile.begin + tile.rows, n.length - shift)};
  }

  KOKKOS_FUNCTION void feature_tap(const Tile& tile, int t, int k, int c, T* part) const {
    const int shift = n.trimming + k - reach;
    const TapRange rows = rows_inside(tile, k);
    P total(T(0));
    for (int w = rows.begin; w < rows.end; ++w) {
      const P features = load<P>(&features_NLC(tile.example, w + shift, c), n.channels - c);
      total = Kokkos::fma(P(dlogits_NTW(tile.example, t, w)), features, total);
    }
    T* at = part + (t * head_taps + k) * n.row + c;
    store(at, load<P>(at) + total);
  }

  /// One tap of one control, or behind those a bias: sums along the window, a pack of positions at a time.
  KOKKOS_FUNCTION void control_tap(const Tile& tile, int index, T* part) const {
    const int taps = n.controls * head_taps;
    const int t = index / (taps + 1);
    const int tap = index % (taps + 1);
    const bool is_bias = tap == taps;
    const int k = is_bias ? reach : tap % head_taps;
    const int shift = n.trimming + k - reach;
    const TapRange rows = is_bias ? TapRange{tile.begin, tile.begin + tile.rows} : rows_inside(tile, k);
    P total(T(0));
    for (int w = rows.begin; w < rows.end; w += width<P>) {
      const P d = load<P>(&dlogits_NTW(tile.example, t, w), rows.end - w);
      const P input = is_bias ? P(T(1)) : load<P>(&control_NKL(tile.example, tap / head_taps, w + shift), rows.end - w);
      total = Kokkos::fma(d, input, total);
    }
    part[is_bias ? bias_begin() + t : control_begin() + t * taps + tap] += sum(total);
  }
};

// ---- a GPU: products of whole matrices, a track at a time -------------------------------------------------------------

/// Rows of the products of the features with a track's taps, and of a track's gradients: (N L, 75).
inline constexpr int tap_row = whole_quads(head_taps);

/// logits(t, w): the sum along a diagonal of the features' products with the taps, and the controls' share.
template <class T, class Exec>
struct GatherLogits {
  View<T***, Exec> logits_NTW;
  View<const T*, Exec> products;
  View<const T***, Exec> control_NKL;
  View<const T*, Exec> weight, bias;
  Sizes n;
  int track;

  KOKKOS_FUNCTION void operator()(const int index) const {
    const int example = index / n.window, w = index % n.window;
    const int first = n.trimming + w - reach;
    const TapRange taps = taps_inside(first, n.length);
    const T* row = products.data() + (static_cast<std::int64_t>(example) * n.length + first) * tap_row;
    T total = bias(track);
    for (int k = taps.begin; k < taps.end; ++k) total += row[k * (tap_row + 1)];
    logits_NTW(example, track, w) = total + control_share<T, Exec>(control_NKL, weight, n, example, track, w);
  }
};

/// The gradient at those products: d(p, k) = dlogits(t, p + 37 - k - trimming), zero outside the window.
template <class T, class Exec>
struct SpreadGradient {
  View<T*, Exec> d_products;
  View<const T***, Exec> dlogits_NTW;
  Sizes n;
  int track;

  KOKKOS_FUNCTION void operator()(const std::int64_t index) const {
    const int k = static_cast<int>(index % tap_row);
    const int p = static_cast<int>(index / tap_row % n.length), example = static_cast<int>(index / tap_row / n.length);
    const int w = p + reach - k - n.trimming;
    d_products(index) = w >= 0 && w < n.window ? dlogits_NTW(example, track, w) : T(0);
  }
};

/// The products of a track.
template <class T, class Exec>
struct TrackProducts {
  const Exec& exec;
  const Sizes& n;
  const HeadWeights<T, Exec>& weights;
  int track;
  int rows = n.examples * n.length;
  const T* taps = weights.profile.data() + std::int64_t{track} * head_taps * n.row;

  void forward(const T* features) const {
    product<T>(exec, "cheri::nn::profile_head_forward::products", 1, Factor<T, Along::sum>{features, rows, n.channels},
               Factor<T, Along::sum>{taps, head_taps, n.row}, {n.channels, 1},
               StoreProduct<T>{{weights.tap_products.data(), tap_row}});
  }

  void spread(const View<const T***, Exec>& dlogits_NTW) const {
    Kokkos::parallel_for("cheri::nn::profile_head_backward::spread",
                         Kokkos::RangePolicy<Exec>(exec, 0, std::int64_t{rows} * tap_row),
                         SpreadGradient<T, Exec>{weights.tap_products, dlogits_NTW, n, track});
  }

  /// The parts' sums of the taps' gradients.
  void weight_gradient(const T* features, T* parts, const PartMatrix& to, int n_slices, int slice_size) const {
    product<T>(exec, "cheri::nn::profile_head_backward::taps", n_slices * to.parts,
               Factor<T, Along::side>{weights.tap_products.data(), head_taps, tap_row},
               Factor<T, Along::side>{features, n.channels, n.channels}, {slice_size * n.length, to.parts},
               StorePart<T>{parts, to, T(1)});
  }

  /// dfeatures, to which all but the first track add.
  void input_gradient(T* dfeatures) const {
    const Factor<T, Along::sum> d_products{weights.tap_products.data(), rows, tap_row};
    const Factor<T, Along::side> w{taps, n.channels, n.row};
    const SumCut over_taps{head_taps, 1};
    const QuadRows<T> to{dfeatures, n.channels};
    const char* label = "cheri::nn::profile_head_backward::input";
    if (track == 0) product<T>(exec, label, 1, d_products, w, over_taps, StoreProduct<T>{to});
    else product<T>(exec, label, 1, d_products, w, over_taps, AddScaled<T>{to, {dfeatures, n.channels}, T(1)});
  }
};

// ---- sizes and places ------------------------------------------------------------------------------------------------

template <class T, class Exec>
Sizes sizes_of(const View<const T***, Exec>& features_NLC, int window, const HeadWeights<T, Exec>& weights) {
  using P = Pack<Exec, T>;
  const int channels = static_cast<int>(features_NLC.extent(2));
  return {static_cast<int>(features_NLC.extent(0)),
          static_cast<int>(features_NLC.extent(1)),
          channels,
          weights.n_tracks,
          window,
          weights.n_controls,
          weights.trimming,
          padded<P>(channels)};
}

/// Where a part holds the sums of a track's taps: 75 rows of channels.
template <class T, class Exec>
PartMatrix feature_parts(const ProfileBackwardWeights<T, Exec>& kernel, int track) {
  const Sizes& n = kernel.n;
  return {parts_per_slice<Exec>, kernel.part_size(), std::int64_t{track} * head_taps * n.row, head_taps, n.channels, n.row};
}

/// From the parts to fconv.weight (T, C+K, 75) and fconv.bias (T).
template <class T, class Exec>
void add_weights(const Exec& exec, const GradientRows<T, Exec>& gradient, int n_slices, const HeadWeights<T, Exec>& weights,
                 const PartialSums<T, Exec>& partial, const ProfileBackwardWeights<T, Exec>& kernel) {
  const Sizes& n = kernel.n;
  const int inputs = n.channels + n.controls;
  for (int t = 0; t < n.tracks; ++t) {
    const std::int64_t track = weights.profile_weight_offset + std::int64_t{t} * inputs * head_taps;
    add_parts(exec, "cheri::nn::profile_head_backward::add_weight", gradient, n_slices, GradientPlace{track, 1, head_taps},
              partial, feature_parts(kernel, t));
    if (n.controls == 0) continue;
    const int taps = n.controls * head_taps;
    const PartMatrix controls{
        parts_per_slice<Exec>, kernel.part_size(), kernel.control_begin() + std::int64_t{t} * taps, 1, taps, taps};
    add_parts(exec, "cheri::nn::profile_head_backward::add_control", gradient, n_slices,
              GradientPlace{track + std::int64_t{n.channels} * head_taps, taps, 1}, partial, controls);
  }
  const PartMatrix bias{parts_per_slice<Exec>, kernel.part_size(), kernel.bias_begin(), 1, n.tracks, n.tracks};
  add_parts(exec, "cheri::nn::profile_head_backward::add_bias", gradient, n_slices,
            GradientPlace{weights.profile_bias_offset, n.tracks, 1}, partial, bias);
}

}   // namespace

// ---- launchers -------------------------------------------------------------------------------------------------------

template <class T, class Exec>
void profile_head_forward(const Exec& exec, const View<T***, Exec>& logits_NTW, const View<const T***, Exec>& features_NLC,
                          const View<const T***, Exec>& control_NKL, const HeadWeights<T, Exec>& weights) {
  const Sizes n = sizes_of(features_NLC, static_cast<int>(logits_NTW.extent(2)), weights);
  if constexpr (is_host_space<Exec>) {
    const ProfileForward<T, Exec> kernel{
        logits_NTW, features_NLC, control_NKL, weights.profile, weights.profile_weight, weights.profile_bias, n};
    Kokkos::parallel_for("cheri::nn::profile_head_forward", team_policy(exec, n.examples * tiles_of(n.window)), kernel);
  } else {
    for (int t = 0; t < n.tracks; ++t) {
      TrackProducts<T, Exec>{exec, n, weights, t}.forward(features_NLC.data());
      const GatherLogits<T, Exec> gather{
          logits_NTW, weights.tap_products, control_NKL, weights.profile_weight, weights.profile_bias, n, t};
      Kokkos::parallel_for("cheri::nn::profile_head_forward::gather",
                           Kokkos::RangePolicy<Exec>(exec, 0, n.examples * n.window), gather);
    }
  }
}

template <class T, class Exec>
void profile_head_backward(const Exec& exec, const GradientRows<T, Exec>& gradient, const View<T***, Exec>& dfeatures_NLC,
                           const View<const T***, Exec>& dlogits_NTW, const View<const T***, Exec>& features_NLC,
                           const View<const T***, Exec>& control_NKL, const HeadWeights<T, Exec>& weights,
                           const PartialSums<T, Exec>& partial) {
  const Sizes n = sizes_of(features_NLC, static_cast<int>(dlogits_NTW.extent(2)), weights);
  const int n_slices = gradient.n_slices(n.examples);
  const ProfileBackwardWeights<T, Exec> kernel{partial.values, dlogits_NTW, features_NLC,
                                               control_NKL,    n,           gradient.slice_size};
  Kokkos::parallel_for("cheri::nn::profile_head_backward::weights", team_policy(exec, n_slices * parts_per_slice<Exec>),
                       kernel);
  if constexpr (is_host_space<Exec>) {
    add_weights(exec, gradient, n_slices, weights, partial, kernel);
    const ProfileBackwardInput<T, Exec> input{dfeatures_NLC, dlogits_NTW, weights.profile, n};
    Kokkos::parallel_for("cheri::nn::profile_head_backward::input", team_policy(exec, n.examples * tiles_of(n.length)),
                         input);
  } else {
    // All weights first: dfeatures may lie where the features are.
    for (int t = 0; t < n.tracks; ++t) {
      const TrackProducts<T, Exec> products{exec, n, weights, t};
      products.spread(dlogits_NTW);
      products.weight_gradient(features_NLC.data(), partial.values.data(), feature_parts(kernel, t), n_slices,
                               gradient.slice_size);
    }
    add_weights(exec, gradient, n_slices, weights, partial, kernel);
    for (int t = 0; t < n.tracks; ++t) {
      const TrackProducts<T, Exec> products{exec, n, weights, t};
      products.spread(dlogits_NTW);
      products.input_gradient(dfeatures_NLC.data());
    }
  }
}

#define CHERI_PROFILE_HEAD(T, Exec)                                                                                \
  template void profile_head_forward<T, Exec>(const Exec&, const View<T***, Exec>&, const View<const T***, Exec>&, \
                                              const View<const T***, Exec>&, const HeadWeights<T, Exec>&);         \
  template void profile_head_backward<T, Exec>(const Exec&, const GradientRows<T, Exec>&, const View<T***, Exec>&, \
                                               const View<const T***, Exec>&, const View<const T***, Exec>&,       \
                                               const View<const T***, Exec>&, const HeadWeights<T, Exec>&,         \
                                               const PartialSums<T, Exec>&);
#define CHERI_PROFILE_HEAD_BOTH(Exec) CHERI_PROFILE_HEAD(float, Exec) CHERI_PROFILE_HEAD(double, Exec)
CHERI_FOR_EACH_SPACE(CHERI_PROFILE_HEAD_BOTH)

}   // namespace cheri::nn
