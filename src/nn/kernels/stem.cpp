// The stem: a convolution of one-hot bases is a sum of 21 rows of the weights, chosen by the codes; then GELU.
#include "cheri/nn/ops.hpp"
#include "nn/kernels/gelu.hpp"
#include "nn/kernels/partial_sums.hpp"
#include "nn/kernels/tiles.hpp"

namespace cheri::nn {
namespace {

constexpr int reach = stem_taps / 2;
constexpr int no_base = 4;

// ---- mathematics -----------------------------------------------------------------------------------------------------

/// One example's codes; beyond its ends there is no base.
struct Codes {
  const Code* data;
  int length;

  [[nodiscard]] KOKKOS_FORCEINLINE_FUNCTION int at(int l) const { return l >= 0 && l < length ? data[l] : no_base; }
};

/// bias(c) + sum over the taps of the weights' row for the code at l + k - 10, for one pack of channels.
template <class P, class T>
KOKKOS_FORCEINLINE_FUNCTION P before_gelu(const Codes& codes, int l, const T* taps, int row, const P& bias, int c) {
  P value = bias;
  for (int k = 0; k < stem_taps; ++k) value = value + load<P>(taps + (k * 5 + codes.at(l + k - reach)) * row + c);
  return value;
}

// ---- kernels ---------------------------------------------------------------------------------------------------------

template <class T, class Exec>
struct StemForward {
  using P = Pack<Exec, T>;
  View<T***, Exec> out_NLC;
  View<const Code**, Exec> codes_NL;
  View<const T*, Exec> taps, bias_C;
  int length, channels, packs;

  KOKKOS_FUNCTION void operator()(const TeamMember<Exec>& team) const {
    const Tile tile = tile_at(team.league_rank(), length);
    const Codes codes{&codes_NL(tile.example, 0), length};
    for_each_strip<Exec, P>(team, packs, [&](const Strip& strip) {
      const int c = strip.channel;
      const P bias = load<P>(&bias_C(c), channels - c);
      for (int l = tile.begin + strip.first; l < tile.begin + tile.rows; l += strips<Exec>) {
        store(&out_NLC(tile.example, l, c), gelu(before_gelu(codes, l, taps.data(), packs * width<P>, bias, c)),
              channels - c);
      }
    });
  }
};

/// The gradients of a part: 21 x 5 rows of channels by tap and code, and the bias in the last row.
template <class T, class Exec>
struct StemBackward {
  using P = Pack<Exec, T>;
  View<T*, Exec> partial;
  View<const T***, Exec> dout_NLC;
  View<const Code**, Exec> codes_NL;
  View<const T*, Exec> taps, bias_C;
  int length, channels, packs, slice_size, level;

  static constexpr int part_rows = stem_taps * 5 + 1;
  [[nodiscard]] KOKKOS_FUNCTION int row() const { return packs * width<P>; }
  [[nodiscard]] KOKKOS_FUNCTION std::int64_t part_size() const { return static_cast<std::int64_t>(part_rows) * row(); }
  [[nodiscard]] KOKKOS_FUNCTION std::size_t scratch_bytes() const {
    return sizeof(T) * static_cast<std::size_t>(tile_rows * row()) + 64;
  }

  KOKKOS_FUNCTION void operator()(const TeamMember<Exec>& team) const {
    T* part = &partial(team.league_rank() * part_size());
    clear_part(team, part, part_size());
    T* d_before = static_cast<T*>(team.team_scratch(level).get_shmem_aligned(scratch_bytes() - 64, 64));
    const PartRange range = part_range<Exec>(team.league_rank(), slice_size, length);
    for (int t = range.begin; t < range.end; ++t) {
      const Tile tile = tile_at(t, length);
      const Codes codes{&codes_NL(tile.example, 0), length};
      gradient_before_gelu(team, tile, codes, d_before, part);
      team.team_barrier();
      if constexpr (strips<Exec> == 1) add_taps(team, tile, codes, d_before, part);
      else sum_taps(team, tile, codes, d_before, part);
      team.team_barrier();
    }
  }

  /// d_before = dout gelu'(before); where one thread has all rows also their sum, to the bias.
  KOKKOS_FUNCTION void gradient_before_gelu(const TeamMember<Exec>& team, const Tile& tile, const Codes& codes, T* d_before,
                                            T* part) const {
    for_each_strip<Exec, P>(team, packs, [&](const Strip& strip) {
      const int c = strip.channel;
      const P bias = load<P>(&bias_C(c), channels - c);
      P d_bias(T(0));
      for (int r = strip.first; r < tile.rows; r += strips<Exec>) {
        const int l = tile.begin + r;
        const P slope = gelu_and_derivative(before_gelu(codes, l, taps.data(), row(), bias, c)).derivative;
        const P value = load<P>(&dout_NLC(tile.example, l, c), channels - c) * slope;
        store(d_before + r * row() + c, value);
        d_bias = d_bias + value;
      }
      if constexpr (strips<Exec> == 1) {
        T* at = part + static_cast<std::int64_t>(stem_taps) * 5 * row() + c;
        store(at, load<P>(at) + d_bias);
      }
    });
  }

  KOKKOS_FUNCTION void add_taps(const TeamMember<Exec>& team, const Tile& tile, const Codes& codes, const T* d_before,
                                T* part) const {
    Kokkos::parallel_for(Kokkos::TeamThreadRange(team, stem_taps * packs), [&](const int index) {
      const int k = index / packs;
      const int c = index % packs * width<P>;
      for (int r = 0; r < tile.rows; ++r) {
        T* at = part + (k * 5 + codes.at(tile.begin + r + k - reach)) * row() + c;
        store(at, load<P>(at) + load<P>(d_before + r * row() + c));
      }
    });
  }

  /// The same with a tile's sums in registers, one for each base; behind the taps comes the bias.
  KOKKOS_FUNCTION void sum_taps(const TeamMember<Exec>& team, const Tile& tile, const Codes& codes, const T* d_before,
                                T* part) const {
    Kokkos::parallel_for(Kokkos::TeamThreadRange(team, (stem_taps + 1) * packs), [&](const int index) {
      const int k = index / packs, c = index % packs;
      const bool is_bias = k == stem_taps;
      T sums[no_base] = {};
      for (int r = 0; r < tile.rows; ++r) {
        const int code = is_bias ? 0 : codes.at(tile.begin + r + k - reach);
        for (int base = 0; base < no_base; ++base) sums[base] += code == base ? d_before[r * row() + c] : T(0);
      }
      for (int base = 0; base < no_base; ++base) {
        if (base == 0 || !is_bias) part[(k * 5 + base) * row() + c] += sums[base];
      }
    });
  }
};

/// From the rows of a part to iconv.weight (C, 4, 21) and iconv.bias (C).
struct StemPlace {
  std::int64_t weight_offset, bias_offset;

  KOKKOS_FORCEINLINE_FUNCTION std::int64_t operator()(std::int64_t row, int channel) const {
    const auto tap = static_cast<int>(row / 5), code = static_cast<int>(row % 5);
    if (tap == stem_taps) return bias_offset + channel;
    return code == no_base ? nowhere : weight_offset + (channel * 4 + code) * stem_taps + tap;
  }
};

template <class T, class Exec>
struct StemInputGradient {
  View<T***, Exec> d_input_N4L;
  View<const T***, Exec> d_before_NLC;
  View<const T*, Exec> taps;
  int length, channels, row;

  KOKKOS_FUNCTION void operator()(const int example, const int base, const int l) const {
    T total = 0;
    for (int k = 0; k < stem_taps; ++k) {
      const int from = l - k + reach;
      if (from < 0 || from >= length) continue;
      const T* weights = &taps((k * 5 + base) * row);
      for (int c = 0; c < channels; ++c) total += d_before_NLC(example, from, c) * weights[c];
    }
    d_input_N4L(example, base, l) = total;
  }
};

}   // namespace

// ---- launchers -------------------------------------------------------------------------------------------------------

template <class T, class Exec>
void stem_forward(const Exec& exec, const View<T***, Exec>& out_NLC, const View<const Code**, Exec>& codes_NL,
                  const StemWeights<T, Exec>& weights) {
  const int length = static_cast<int>(out_NLC.extent(1));
  const int channels = static_cast<int>(out_NLC.extent(2));
  const int packs = padded<Pack<Exec, T>>(channels) / width<Pack<Exec, T>>;
  const StemForward<T, Exec> kernel{out_NLC, codes_NL, weights.taps, weights.bias_C, length, channels, packs};
  const int examples = static_cast<int>(codes_NL.extent(0));
  Kokkos::parallel_for("cheri::nn::stem_forward", team_policy(exec, examples * tiles_of(length)), kernel);
}

template <class T, class Exec>
void stem_backward(const Exec& exec, const GradientRows<T, Exec>& gradient, const View<const T***, Exec>& dout_NLC,
                   const View<const Code**, Exec>& codes_NL, const StemWeights<T, Exec>& weights,
                   const PartialSums<T, Exec>& partial) {
  const int length = static_cast<int>(dout_NLC.extent(1));
  const int channels = static_cast<int>(dout_NLC.extent(2));
  const int packs = padded<Pack<Exec, T>>(channels) / width<Pack<Exec, T>>;
  const int n_slices = gradient.n_slices(static_cast<int>(codes_NL.extent(0)));
  StemBackward<T, Exec> kernel{partial.values, dout_NLC, codes_NL, weights.taps,        weights.bias_C,
                               length,         channels, packs,    gradient.slice_size, 0};
  kernel.level = scratch_level<Exec>(kernel.scratch_bytes());
  Kokkos::parallel_for("cheri::nn::stem_backward",
                       team_policy(exec, n_slices * parts_per_slice<Exec>)
                           .set_scratch_size(kernel.level, Kokkos::PerTeam(kernel.scratch_bytes())),
                       kernel);
  const PartMatrix taps{parts_per_slice<Exec>, kernel.part_size(), 0, StemBackward<T, Exec>::part_rows, channels,
                        kernel.row()};
  add_parts(exec, "cheri::nn::stem_backward::add_parts", gradient, n_slices,
            StemPlace{weights.weight_offset, weights.bias_offset}, partial, taps);
}

template <class T, class Exec>
void stem_input_gradient(const Exec& exec, const View<T***, Exec>& d_input_N4L, const View<T***, Exec>& dout_NLC,
                         const View<const Code**, Exec>& codes_NL, const StemWeights<T, Exec>& weights) {
  const int examples = static_cast<int>(codes_NL.extent(0));
  const int length = static_cast<int>(codes_NL.extent(1));
  const int channels = static_cast<int>(dout_NLC.extent(2));
  using P = Pack<Exec, T>;
  using Scalar = simd::simd<T, simd::simd_abi::scalar>;
  const int row = padded<P>(channels);
  const View<const T*, Exec> taps = weights.taps;
  const auto bias_C = weights.bias_C;
  Kokkos::parallel_for(
      "cheri::nn::stem_input_gradient::before_gelu",
      Kokkos::MDRangePolicy<Exec, Kokkos::Rank<3>>(exec, {0, 0, 0}, {examples, length, channels}),
      KOKKOS_LAMBDA(const int n, const int l, const int c) {
        const Codes codes{&codes_NL(n, 0), length};
        const Scalar before = before_gelu(codes, l, taps.data(), row, Scalar(bias_C(c)), c);
        dout_NLC(n, l, c) *= static_cast<T>(gelu_and_derivative(before).derivative);
      });
  const StemInputGradient<T, Exec> kernel{d_input_N4L, dout_NLC, taps, length, channels, row};
  Kokkos::parallel_for("cheri::nn::stem_input_gradient",
                       Kokkos::MDRangePolicy<Exec, Kokkos::Rank<3>>(exec, {0, 0, 0}, {examples, 4, length}), kernel);
}

#define CHERI_STEM(T, Exec)                                                                                      \
  template void stem_forward<T, Exec>(const Exec&, const View<T***, Exec>&, const View<const Code**, Exec>&,     \
                                      const StemWeights<T, Exec>&);                                              \
  template void stem_backward<T, Exec>(const Exec&, const GradientRows<T, Exec>&, const View<const T***, Exec>&, \
                                       const View<const Code**, Exec>&, const StemWeights<T, Exec>&,             \
                                       const PartialSums<T, Exec>&);                                             \
  template void stem_input_gradient<T, Exec>(const Exec&, const View<T***, Exec>&, const View<T***, Exec>&,      \
                                             const View<const Code**, Exec>&, const StemWeights<T, Exec>&);
#define CHERI_STEM_BOTH(Exec) CHERI_STEM(float, Exec) CHERI_STEM(double, Exec)
CHERI_FOR_EACH_SPACE(CHERI_STEM_BOTH)

}   // namespace cheri::nn
