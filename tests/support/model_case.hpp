// A model with random parameters, a random batch, and what forward, loss and backward make of them.
#pragma once

#include "cheri/nn/loss.hpp"
#include "cheri/nn/model.hpp"
#include "support/op_cases.hpp"
#include "support/reference_model.hpp"

namespace cheri::testing {

template <class T, class Exec>
struct ModelCase {
  using Model = nn::Model<T, Exec>;

  ModelCase(const nn::ModelShape& model_shape, int n_examples, int size_of_slice,
            nn::Precision precision = nn::Precision::fp32)
      : shape(model_shape),
        n(n_examples),
        slice_size(size_of_slice),
        model(shape, n, slice_size, Model::Mode::training, precision) {
    const int tracks = shape.n_tracks(), groups = shape.n_groups(), window = shape.out_window, length = shape.in_window;
    parameters = normal<View<T*, Exec>>(1, 0.2, model.table().size());
    const auto head = Kokkos::subview(parameters, std::make_pair(0, 2 * groups));
    const auto loss_weights = Kokkos::create_mirror_view(head);
    for (int g = 0; g < 2 * groups; ++g) loss_weights(g) = static_cast<T>(0.8 + 0.1 * g);
    Kokkos::deep_copy(head, loss_weights);
    codes = integers<View<Code**, Exec>>(2, 5, n, length);
    control = integers<View<T***, Exec>>(3, 4, n, shape.n_controls, length);
    signal = integers<View<T***, Exec>>(4, 6, n, tracks, window);
    output = {View<T***, Exec>("logits", n, tracks, window), View<T**, Exec>("log_counts", n, groups)};
    rows = View<T**, Exec>("gradient", static_cast<std::size_t>(n / slice_size),
                           static_cast<std::size_t>(model.table().size() + 2 * groups));
    mean_counts = View<double*, Exec>("mean_counts", static_cast<std::size_t>(groups));
    Arena<Exec> measure;
    loss.lay_out(measure, shape, n);
    arena = Arena<Exec>("test", measure.bytes());
    loss.lay_out(arena, shape, n);
  }

  void forward() {
    model.load(exec, parameters);
    model.forward(exec, output, {codes, control});
    exec.fence("test");
  }

  /// Forward, losses, backward: rows hold the gradients of the slices, output those of the predictions. The mean over
  /// `global_batch` examples; 0: those of the case.
  void backward(const nn::LossMixture& mixture = {}, int global_batch = 0) {
    forward();
    nn::group_counts<T, Exec>(exec, loss, signal, shape.signal_groups);
    exec.fence("test");
    average_counts();
    nn::mixture_loss<T, Exec>(exec, {rows, slice_size}, model.table().size(), output.logits_NTW, output.log_counts_NG,
                              signal, loss, parameters, mean_counts, shape.signal_groups, mixture,
                              global_batch > 0 ? global_batch : n);
    model.backward(exec, rows, output, {codes, control});
    exec.fence("test");
  }

  void average_counts() {
    const auto counts = values(loss.counts_NG);
    const auto mean = Kokkos::create_mirror_view(mean_counts);
    for (std::size_t i = 0; i < counts.size(); ++i) mean(i % mean.extent(0)) += counts[i] / n;
    Kokkos::deep_copy(mean_counts, mean);
  }

  /// The sum over slices, for one parameter.
  [[nodiscard]] std::vector<double> gradient(const nn::Parameter& parameter) const {
    return sum_of_slices<T, Exec>(rows, parameter);
  }

  [[nodiscard]] ReferenceInput reference_input() const {
    return {n, one_hot(values(codes), n, shape.in_window), values(control), values(signal)};
  }

  Exec exec;
  nn::ModelShape shape;
  int n, slice_size;
  Model model;
  View<T*, Exec> parameters;
  View<Code**, Exec> codes;
  View<T***, Exec> control, signal;
  nn::ModelOutput<T, Exec> output;
  View<T**, Exec> rows;
  View<double*, Exec> mean_counts;
  Arena<Exec> arena;
  nn::LossBuffers<T, Exec> loss;
};

}   // namespace cheri::testing
