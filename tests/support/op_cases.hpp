// Single ops with random parameters and inputs, in a type and a space: forward, and backward from a fixed direction r at the
// output, so that the function of which the gradient is taken is sum(out * r).
#pragma once

#include "cheri/nn/loss.hpp"
#include "cheri/nn/ops.hpp"
#include "cheri/nn/shape.hpp"
#include "support/arrays.hpp"
#include "support/reference_model.hpp"

#include <string>
#include <utility>
#include <vector>

namespace cheri::testing {

/// A corner of the shapes, n examples in slices of slice_size.
struct NamedShape {
  const char* name;
  nn::ModelShape shape;
  int n, slice_size;
};

inline nn::ModelShape small_shape(int channels, int layers, std::vector<int> groups, int controls, int in_window,
                                  int out_window) {
  nn::ModelShape shape;
  shape.n_filters = channels;
  shape.n_layers = layers;
  shape.signal_groups = std::move(groups);
  shape.n_controls = controls;
  shape.in_window = in_window;
  shape.out_window = out_window;
  return shape;
}

/// The sum over slices of one parameter's gradient.
template <class T, class Exec>
std::vector<double> sum_of_slices(const View<T**, Exec>& rows_SP, const nn::Parameter& parameter) {
  const auto all = values(rows_SP);
  std::vector<double> sum(static_cast<std::size_t>(parameter.size), 0);
  for (std::size_t s = 0; s < rows_SP.extent(0); ++s) {
    for (std::size_t i = 0; i < sum.size(); ++i) {
      sum[i] += all[s * rows_SP.extent(1) + static_cast<std::size_t>(parameter.offset) + i];
    }
  }
  return sum;
}

/// What every op needs: parameters (loss weights near 1), rows for their gradients, memory.
template <class T, class Exec>
struct OpCase {
  OpCase(const nn::ModelShape& model_shape, int n_examples, int size_of_slice)
      : shape(model_shape), table(shape), n(n_examples), slice_size(size_of_slice) {
    parameters = normal<View<T*, Exec>>(1, 0.2, table.size());
    const auto first = Kokkos::subview(parameters, std::make_pair(0, 2 * shape.n_groups()));
    const auto loss_weights = Kokkos::create_mirror_view(first);
    for (int g = 0; g < 2 * shape.n_groups(); ++g) loss_weights(g) = static_cast<T>(0.8 + 0.1 * g);
    Kokkos::deep_copy(first, loss_weights);
    const auto slices = static_cast<std::size_t>(n / slice_size);
    rows = View<T**, Exec>("gradient", slices, static_cast<std::size_t>(table.size() + 2 * shape.n_groups()));
    partial.values = View<T*, Exec>("partial", nn::PartialSums<T, Exec>::size_for(shape, n / slice_size));
  }

  /// Both passes of a layout function, for memory that lives as long as the case.
  template <class LayOut>
  void take_memory(const LayOut& lay_out) {
    Arena<Exec> measure;
    lay_out(measure);
    arena = Arena<Exec>("test", measure.bytes());
    lay_out(arena);
  }

  [[nodiscard]] nn::GradientRows<T, Exec> gradient() const { return {rows, slice_size}; }
  [[nodiscard]] std::vector<double> gradient_of(const std::string& name) const {
    return sum_of_slices<T, Exec>(rows, table.find(name));
  }
  [[nodiscard]] auto part(const std::string& name) const {
    const nn::Parameter& p = table.find(name);
    return Kokkos::subview(parameters, std::make_pair(p.offset, p.offset + p.size));
  }

  Exec exec;
  nn::ModelShape shape;
  nn::ParameterTable table;
  int n, slice_size;
  View<T*, Exec> parameters;
  View<T**, Exec> rows;
  nn::PartialSums<T, Exec> partial;
  Arena<Exec> arena;
};

template <class T, class Exec>
struct StemCase : OpCase<T, Exec> {
  StemCase(const nn::ModelShape& model_shape, int n_examples, int size_of_slice)
      : OpCase<T, Exec>(model_shape, n_examples, size_of_slice) {
    codes = integers<View<Code**, Exec>>(2, 5, this->n, this->shape.in_window);
    r = normal<View<T***, Exec>>(3, 1, this->n, this->shape.in_window, this->shape.n_filters);
    out = View<T***, Exec>("out", r.layout());
    this->take_memory([&](Arena<Exec>& a) { weights.lay_out(a, this->shape, this->table); });
  }

  double function() {
    weights.load(this->exec, this->parameters, this->shape);
    nn::stem_forward<T, Exec>(this->exec, out, codes, weights);
    this->exec.fence("test");
    return dot(values(out), values(r));
  }

  void backward() {
    function();
    nn::stem_backward<T, Exec>(this->exec, this->gradient(), r, codes, weights, this->partial);
    this->exec.fence("test");
  }

  /// d function / d one-hot input (N,4,L); the forward must have run.
  std::vector<double> input_gradient() {
    const View<T***, Exec> d_input("d_input", static_cast<std::size_t>(this->n), 4, codes.extent(1));
    const View<T***, Exec> d("d", r.layout());
    Kokkos::deep_copy(d, r);
    nn::stem_input_gradient<T, Exec>(this->exec, d_input, d, codes, weights);
    this->exec.fence("test");
    return values(d_input);
  }

  nn::StemWeights<T, Exec> weights;
  View<Code**, Exec> codes;
  View<T***, Exec> r, out;
};

/// A block of any dilation; its parameters are those of blocks.0 in a model of one layer.
template <class T, class Exec>
struct BlockCase : OpCase<T, Exec> {
  BlockCase(const nn::ModelShape& model_shape, int dilation, int n_examples, int size_of_slice)
      : OpCase<T, Exec>(model_shape, n_examples, size_of_slice) {
    x = normal<View<T***, Exec>>(2, 1, this->n, this->shape.in_window, this->shape.n_filters);
    r = normal<View<T***, Exec>>(3, 1, this->n, this->shape.in_window, this->shape.n_filters);
    out = View<T***, Exec>("out", x.layout());
    d_x = View<T***, Exec>("d_x", x.layout());
    statistics = View<T**, Exec>("statistics", x.extent(0), 2);
    this->take_memory([&](Arena<Exec>& a) {
      weights.lay_out(a, this->shape, this->table, 0, true);
      scratch.lay_out(a, this->shape, this->n, this->n / this->slice_size, true);
    });
    weights.dilation = dilation;
  }

  double function() {
    weights.load(this->exec, this->parameters, this->shape);
    nn::block_forward<T, Exec>(this->exec, out, statistics, x, weights, scratch);
    this->exec.fence("test");
    return dot(values(out), values(r));
  }

  /// After the forward.
  void backward() {
    Kokkos::deep_copy(d_x, r);
    nn::block_backward<T, Exec>(this->exec, this->gradient(), d_x, x, statistics, weights, scratch);
    this->exec.fence("test");
  }

  nn::BlockWeights<T, Exec> weights;
  nn::BlockScratch<T, Exec> scratch;
  View<T***, Exec> x, r, out, d_x;
  View<T**, Exec> statistics;
};

/// Both heads on the same features and controls.
template <class T, class Exec>
struct HeadsCase : OpCase<T, Exec> {
  HeadsCase(const nn::ModelShape& model_shape, int n_examples, int size_of_slice)
      : OpCase<T, Exec>(model_shape, n_examples, size_of_slice) {
    const nn::ModelShape& s = this->shape;
    features = normal<View<T***, Exec>>(2, 1, this->n, s.in_window, s.n_filters);
    control = integers<View<T***, Exec>>(3, 4, this->n, s.n_controls, s.in_window);
    r_logits = normal<View<T***, Exec>>(4, 1, this->n, s.n_tracks(), s.out_window);
    r_counts = normal<View<T**, Exec>>(5, 1, this->n, s.n_groups());
    logits = View<T***, Exec>("logits", r_logits.layout());
    log_counts = View<T**, Exec>("log_counts", r_counts.layout());
    d_features = View<T***, Exec>("d_features", features.layout());
    this->take_memory([&](Arena<Exec>& a) { weights.lay_out(a, s, this->table, this->n); });
  }

  double profile_function() {
    weights.load(this->exec, this->parameters, this->shape);
    nn::profile_head_forward<T, Exec>(this->exec, logits, features, control, weights);
    this->exec.fence("test");
    return dot(values(logits), values(r_logits));
  }

  double count_function() {
    weights.load(this->exec, this->parameters, this->shape);
    nn::count_head_forward<T, Exec>(this->exec, log_counts, features, control, weights);
    this->exec.fence("test");
    return dot(values(log_counts), values(r_counts));
  }

  /// After the forward; the head overwrites d_features.
  void profile_backward() {
    Kokkos::deep_copy(d_features, T(99));
    nn::profile_head_backward<T, Exec>(this->exec, this->gradient(), d_features, r_logits, features, control, weights,
                                       this->partial);
    this->exec.fence("test");
  }

  /// After the forward; the head adds to d_features.
  void count_backward() {
    Kokkos::deep_copy(d_features, T(0));
    nn::count_head_backward<T, Exec>(this->exec, this->gradient(), d_features, r_counts, weights);
    this->exec.fence("test");
  }

  nn::HeadWeights<T, Exec> weights;
  View<T***, Exec> features, control, r_logits, logits, d_features;
  View<T**, Exec> r_counts, log_counts;
};

/// The losses of random predictions.
template <class T, class Exec>
struct LossCase : OpCase<T, Exec> {
  LossCase(const nn::ModelShape& model_shape, int n_examples, int size_of_slice)
      : OpCase<T, Exec>(model_shape, n_examples, size_of_slice) {
    const nn::ModelShape& s = this->shape;
    logits = normal<View<T***, Exec>>(2, 2, this->n, s.n_tracks(), s.out_window);
    log_counts = normal<View<T**, Exec>>(3, 2, this->n, s.n_groups());
    signal = integers<View<T***, Exec>>(4, 6, this->n, s.n_tracks(), s.out_window);
    d_logits = View<T***, Exec>("d_logits", logits.layout());
    d_log_counts = View<T**, Exec>("d_log_counts", log_counts.layout());
    mean_counts = View<double*, Exec>("mean_counts", static_cast<std::size_t>(s.n_groups()));
    this->take_memory([&](Arena<Exec>& a) { buffers.lay_out(a, s, this->n); });
  }

  /// d_logits and d_log_counts become the gradients; the rows end with the losses.
  void backward(const nn::LossMixture& mixture) {
    Kokkos::deep_copy(d_logits, logits);
    Kokkos::deep_copy(d_log_counts, log_counts);
    nn::group_counts<T, Exec>(this->exec, buffers, signal, this->shape.signal_groups);
    this->exec.fence("test");
    const auto counts = values(buffers.counts_NG);
    const auto mean = Kokkos::create_mirror_view(mean_counts);
    Kokkos::deep_copy(mean, 0.0);
    for (std::size_t i = 0; i < counts.size(); ++i) mean(i % mean.extent(0)) += counts[i] / this->n;
    Kokkos::deep_copy(mean_counts, mean);
    nn::mixture_loss<T, Exec>(this->exec, this->gradient(), this->table.size(), d_logits, d_log_counts, signal, buffers,
                              this->parameters, mean_counts, this->shape.signal_groups, mixture, this->n);
    this->exec.fence("test");
  }

  [[nodiscard]] ReferenceInput reference_input() const { return {this->n, {}, {}, values(signal)}; }

  nn::LossBuffers<T, Exec> buffers;
  View<T***, Exec> logits, signal, d_logits;
  View<T**, Exec> log_counts, d_log_counts;
  View<double*, Exec> mean_counts;
};

}   // namespace cheri::testing
