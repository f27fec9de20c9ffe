// The profile head: a convolution of 75 taps from C features and K controls to T tracks, on the output window only.
#include "cheri/nn/ops.hpp"
#include "nn/kernels/partial_sums.hpp"
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

// ---- kernels ---------------------------------------------------------------------------------------------------------

/// Logits: dot products of 75 rows of features with the weights, in packs of partial sums, and the controls' share. Inside
/// an example a CPU makes eight neighbouring logits at once: each weight is loaded once for them, and eight chains of sums
/// hide the latency of a fused multiply-add.
template <class T, class Exec>
struct ProfileForward {
  using P = Pack<Exec, T>;
  static constexpr int block = is_host_space<Exec> ? 8 : 1;
  View<T***, Exec> logits_NTW;
  View<const T***, Exec> features_NLC, control_NKL;
  View<const T*, Exec> packed, weight, bias;
  Sizes n;

  KOKKOS_FUNCTION void operator()(const TeamMember<Exec>& team) const {
    const Tile tile = tile_at<Exec>(team.league_rank(), n.window);
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
    logits_NTW(example, t, w) = bias(t) + features_share + control_share(example, t, w);
  }

  KOKKOS_FUNCTION T control_share(int example, int t, int w) const {
    const int first = n.trimming + w - reach;
    const TapRange taps = taps_inside(first, n.length);
    T total = 0;
    for (int j = 0; j < n.controls; ++j) {
      const T* weights = &weight(static_cast<std::int64_t>(t * (n.channels + n.controls) + n.channels + j) * head_taps);
      for (int k = taps.begin; k < taps.end; ++k) total += control_NKL(example, j, first + k) * weights[k];
    }
    return total;
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
    const Tile tile = tile_at<Exec>(team.league_rank(), n.length);
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

/// Gradients of a part: T x 75 rows of channels, then T x K x 75 taps of the controls, then T biases.
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
    clear_part(team, part, part_size());
    const PartRange range = part_range<Exec>(team.league_rank(), slice_size, n.window);
    const int packs = n.row / width<P>;
    for (int i = range.begin; i < range.end; ++i) {
      const Tile tile = tile_at<Exec>(i, n.window);
      Kokkos::parallel_for(Kokkos::TeamThreadRange(team, packs * n.tracks * head_taps), [&](const int index) {
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

/// From the parts to fconv.weight (T, C+K, 75) and fconv.bias (T).
template <class T, class Exec>
void add_weights(const Exec& exec, const GradientRows<T, Exec>& gradient, int n_slices, const HeadWeights<T, Exec>& weights,
                 const PartialSums<T, Exec>& partial, const ProfileBackwardWeights<T, Exec>& kernel) {
  const Sizes& n = kernel.n;
  const int inputs = n.channels + n.controls;
  for (int t = 0; t < n.tracks; ++t) {
    const std::int64_t track = weights.profile_weight_offset + std::int64_t{t} * inputs * head_taps;
    const PartMatrix features{kernel.part_size(), std::int64_t{t} * head_taps * n.row, head_taps, n.channels, n.row};
    add_parts(exec, "cheri::nn::profile_head_backward::add_weight", gradient, n_slices, GradientPlace{track, 1, head_taps},
              partial, features);
    if (n.controls == 0) continue;
    const int taps = n.controls * head_taps;
    const PartMatrix controls{kernel.part_size(), kernel.control_begin() + std::int64_t{t} * taps, 1, taps, taps};
    add_parts(exec, "cheri::nn::profile_head_backward::add_control", gradient, n_slices,
              GradientPlace{track + std::int64_t{n.channels} * head_taps, taps, 1}, partial, controls);
  }
  const PartMatrix bias{kernel.part_size(), kernel.bias_begin(), 1, n.tracks, n.tracks};
  add_parts(exec, "cheri::nn::profile_head_backward::add_bias", gradient, n_slices,
            GradientPlace{weights.profile_bias_offset, n.tracks, 1}, partial, bias);
}

}   // namespace

// ---- launchers -------------------------------------------------------------------------------------------------------

template <class T, class Exec>
void profile_head_forward(const Exec& exec, const View<T***, Exec>& logits_NTW, const View<const T***, Exec>& features_NLC,
                          const View<const T***, Exec>& control_NKL, const HeadWeights<T, Exec>& weights) {
  const Sizes n = sizes_of(features_NLC, static_cast<int>(logits_NTW.extent(2)), weights);
  const ProfileForward<T, Exec> kernel{
      logits_NTW, features_NLC, control_NKL, weights.profile, weights.profile_weight, weights.profile_bias, n};
  Kokkos::parallel_for("cheri::nn::profile_head_forward", team_policy(exec, n.examples * tiles_of<Exec>(n.window)), kernel);
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
  Kokkos::parallel_for("cheri::nn::profile_head_backward::weights", part_policy(exec, n_slices * parts_per_slice), kernel);
  add_weights(exec, gradient, n_slices, weights, partial, kernel);
  const ProfileBackwardInput<T, Exec> input{dfeatures_NLC, dlogits_NTW, weights.profile, n};
  Kokkos::parallel_for("cheri::nn::profile_head_backward::input", team_policy(exec, n.examples * tiles_of<Exec>(n.length)),
                       input);
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
