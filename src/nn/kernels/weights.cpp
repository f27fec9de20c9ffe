// From the flat parameter buffer to the order in which the kernels read: once after every change of the parameters.
#include "cheri/nn/ops.hpp"
#include "nn/kernels/product.hpp"
#include "nn/kernels/tile_product.hpp"
#include "nn/kernels/tiles.hpp"

#include <algorithm>

namespace cheri::nn {
namespace {

template <class T, class Exec>
View<const T*, Exec> slice_of(const View<const T*, Exec>& parameters_P, std::int64_t offset, std::int64_t size) {
  return Kokkos::subview(parameters_P, std::make_pair(offset, offset + size));
}

/// Where element (k, column) of a K x n matrix is read: parameters(offset + k * k_step + column * column_step).
struct Source {
  std::int64_t offset, k_step, column_step;
};

/// packed <- a K x n matrix in tile order, zeros in the columns that fill up a pack.
template <class T, class Exec>
void pack_matrix(const Exec& exec, const View<T*, Exec>& packed, const View<const T*, Exec>& parameters_P,
                 const Source& from, int inner, int n) {
  using P = Pack<Exec, T>;
  const int columns = padded<P>(n);
  Kokkos::parallel_for(
      "cheri::nn::pack_matrix", Kokkos::RangePolicy<Exec>(exec, 0, inner * columns), KOKKOS_LAMBDA(const int index) {
        const int k = index / columns;
        const int column = index % columns;
        const T value = column < n ? parameters_P(from.offset + k * from.k_step + column * from.column_step) : T(0);
        packed(packed_index<P>(k, column, inner, n)) = value;
      });
}

template <class P, class T, class Exec>
View<T*, Exec> take_packed(Arena<Exec>& arena, const char* label, int inner, int n) {
  return arena.template take<View<T*, Exec>>(label, packed_size<P>(inner, n));
}

}   // namespace

template <class T, class Exec>
void StemWeights<T, Exec>::lay_out(Arena<Exec>& arena, const ModelShape& shape, const ParameterTable& table) {
  using P = Pack<Exec, T>;
  taps =
      arena.template take<View<T*, Exec>>("stem.taps", static_cast<std::size_t>(stem_taps * 5 * padded<P>(shape.n_filters)));
  weight_offset = table.find("iconv.weight").offset;
  bias_offset = table.find("iconv.bias").offset;
}

template <class T, class Exec>
void StemWeights<T, Exec>::load(const Exec& exec, const View<const T*, Exec>& parameters_P, const ModelShape& shape) {
  using P = Pack<Exec, T>;
  const int channels = shape.n_filters;
  const int row = padded<P>(channels);
  const std::int64_t from = weight_offset;
  bias_C = slice_of<T, Exec>(parameters_P, bias_offset, channels);
  const auto to = taps;
  Kokkos::parallel_for(
      "cheri::nn::pack_stem", Kokkos::RangePolicy<Exec>(exec, 0, stem_taps * 5 * row), KOKKOS_LAMBDA(const int index) {
        const int c = index % row;
        const int code = index / row % 5;
        const int k = index / row / 5;
        to(index) = code < 4 && c < channels ? parameters_P(from + (c * 4 + code) * stem_taps + k) : T(0);
      });
}

template <class T, class Exec>
void BlockWeights<T, Exec>::lay_out(Arena<Exec>& arena, const ModelShape& shape, const ParameterTable& table, int layer,
                                    bool training) {
  using P = Pack<Exec, T>;
  const std::string block = "blocks." + std::to_string(layer) + ".";
  conv_offset = table.find(block + "conv_weight").offset;
  linear1_offset = table.find(block + "linear1.weight").offset;
  linear2_offset = table.find(block + "linear2.weight").offset;
  hidden = shape.hidden();
  dilation = 1 << layer;
  residual_scale = static_cast<T>(shape.residual_scale);
  if constexpr (!is_host_space<Exec>) return;
  linear1_t = take_packed<P, T>(arena, "linear1_t", shape.n_filters, hidden);
  linear2_t = take_packed<P, T>(arena, "linear2_t", hidden, shape.n_filters);
  if (!training) return;
  linear1 = take_packed<P, T>(arena, "linear1", hidden, shape.n_filters);
  linear2 = take_packed<P, T>(arena, "linear2", shape.n_filters, hidden);
}

template <class T, class Exec>
void BlockWeights<T, Exec>::load(const Exec& exec, const View<const T*, Exec>& parameters_P, const ModelShape& shape) {
  const int channels = shape.n_filters;
  conv_3C = View<const T**, Exec>(parameters_P.data() + conv_offset, 3, channels);
  linear1_HC = View<const T**, Exec>(parameters_P.data() + linear1_offset, hidden, channels);
  linear2_CH = View<const T**, Exec>(parameters_P.data() + linear2_offset, channels, hidden);
  if constexpr (!is_host_space<Exec>) return;
  pack_matrix(exec, linear1_t, parameters_P, {linear1_offset, 1, channels}, channels, hidden);
  pack_matrix(exec, linear2_t, parameters_P, {linear2_offset, 1, hidden}, hidden, channels);
  if (linear1.data() == nullptr) return;
  pack_matrix(exec, linear1, parameters_P, {linear1_offset, channels, 1}, hidden, channels);
  pack_matrix(exec, linear2, parameters_P, {linear2_offset, hidden, 1}, channels, hidden);
}

template <class T, class Exec>
void BlockScratch<T, Exec>::lay_out(Arena<Exec>& arena, const ModelShape& shape, int n_examples, int n_slices,
                                    bool training) {
  const auto examples = static_cast<std::size_t>(n_examples);
  const auto length = static_cast<std::size_t>(shape.in_window), filters = static_cast<std::size_t>(shape.n_filters);
  const int tiles = tiles_of(shape.in_window);
  sums = arena.template take<View<double***, Exec>>("tile_sums", examples, static_cast<std::size_t>(tiles), std::size_t{2});
  const auto hidden_size = examples * length * static_cast<std::size_t>(whole_quads(shape.hidden()));
  if (!is_host_space<Exec>) hidden = arena.template take<View<T*, Exec>>("hidden", hidden_size);
  if (!training) return;
  if (!is_host_space<Exec>) {
    z_NLC = arena.template take<View<T***, Exec>>("z", examples, length, filters);
    d_hidden = arena.template take<View<T*, Exec>>("d_hidden", hidden_size);
  }
  example_sums_N2 = arena.template take<View<double**, Exec>>("example_sums", examples, std::size_t{2});
  dz_NLC = arena.template take<View<T***, Exec>>("dz", examples, length, filters);
  partial.values = arena.template take<View<T*, Exec>>("partial_sums", PartialSums<T, Exec>::size_for(shape, n_slices));
}

template <class T, class Exec>
std::size_t PartialSums<T, Exec>::size_for(const ModelShape& shape, int n_slices) {
  using P = Pack<Exec, T>;
  const auto parts = static_cast<std::size_t>(parts_per_slice<Exec>);
  const auto mlp_parts_per_slice = static_cast<std::size_t>(mlp_parts<Exec>(shape.n_filters, shape.hidden()));
  const auto row = static_cast<std::size_t>(padded<P>(shape.n_filters));
  const auto whole = [](int n) { return static_cast<std::size_t>(is_host_space<Exec> ? padded<P>(n) : whole_quads(n)); };
  const std::size_t mlp = static_cast<std::size_t>(shape.hidden()) * whole(shape.n_filters) +
                          static_cast<std::size_t>(shape.n_filters) * whole(shape.hidden());
  const std::size_t stem = (stem_taps * 5 + 1) * row;
  const auto tracks = static_cast<std::size_t>(shape.n_tracks());
  const std::size_t head =
      tracks * head_taps * row + tracks * static_cast<std::size_t>(shape.n_controls) * head_taps + tracks;
  const std::size_t taps = std::size_t{strips<Exec>} * 3 * row;
  // Rows of a part are read in whole packs: one pack more behind the last.
  return static_cast<std::size_t>(n_slices) * std::max(mlp_parts_per_slice * mlp, parts * std::max({stem, head, taps})) +
         width<P>;
}

template <class T, class Exec>
void HeadWeights<T, Exec>::lay_out(Arena<Exec>& arena, const ModelShape& shape, const ParameterTable& table,
                                   int n_examples) {
  using P = Pack<Exec, T>;
  n_tracks = shape.n_tracks();
  n_groups = shape.n_groups();
  n_controls = shape.n_controls;
  trimming = shape.trimming();
  profile_weight_offset = table.find("fconv.weight").offset;
  profile_bias_offset = table.find("fconv.bias").offset;
  count_weight_offset = table.find("linear.weight").offset;
  count_bias_offset = table.find("linear.bias").offset;
  const auto examples = static_cast<std::size_t>(n_examples);
  profile = arena.template take<View<T*, Exec>>("profile",
                                                static_cast<std::size_t>(n_tracks * head_taps * padded<P>(shape.n_filters)));
  mean_NC = arena.template take<View<T**, Exec>>("mean_features", examples, static_cast<std::size_t>(shape.n_filters));
  control_N = arena.template take<View<T*, Exec>>("control", examples);
  if (is_host_space<Exec>) return;
  const auto tap_row = static_cast<std::size_t>(whole_quads(head_taps));
  tap_products =
      arena.template take<View<T*, Exec>>("tap_products", examples * static_cast<std::size_t>(shape.in_window) * tap_row);
}

template <class T, class Exec>
void HeadWeights<T, Exec>::load(const Exec& exec, const View<const T*, Exec>& parameters_P, const ModelShape& shape) {
  using P = Pack<Exec, T>;
  const int channels = shape.n_filters;
  const int inputs = channels + n_controls;
  const int count_inputs = channels + (n_controls > 0 ? 1 : 0);
  profile_weight = slice_of<T, Exec>(parameters_P, profile_weight_offset, std::int64_t{n_tracks} * inputs * head_taps);
  profile_bias = slice_of<T, Exec>(parameters_P, profile_bias_offset, n_tracks);
  count_weight = slice_of<T, Exec>(parameters_P, count_weight_offset, std::int64_t{n_groups} * count_inputs);
  count_bias = slice_of<T, Exec>(parameters_P, count_bias_offset, n_groups);
  const int row = padded<P>(channels);
  const auto from = profile_weight;
  const auto to = profile;
  Kokkos::parallel_for(
      "cheri::nn::pack_profile_head", Kokkos::RangePolicy<Exec>(exec, 0, n_tracks * head_taps * row),
      KOKKOS_LAMBDA(const int index) {
        const int c = index % row;
        const int k = index / row % head_taps;
        const int t = index / row / head_taps;
        to(index) = c < channels ? from((t * inputs + c) * head_taps + k) : T(0);
      });
}

#define CHERI_WEIGHTS(T, Exec)           \
  template struct StemWeights<T, Exec>;  \
  template struct BlockWeights<T, Exec>; \
  template struct BlockScratch<T, Exec>; \
  template struct PartialSums<T, Exec>;  \
  template struct HeadWeights<T, Exec>;
#define CHERI_WEIGHTS_BOTH(Exec) CHERI_WEIGHTS(float, Exec) CHERI_WEIGHTS(double, Exec)
CHERI_FOR_EACH_SPACE(CHERI_WEIGHTS_BOTH)

}   // namespace cheri::nn
