// The whole model: batch in, logits and log-counts out, gradients back. Parameter gradients are written per gradient
// slice and overwrite what was there; activation gradients live inside.
#pragma once

#include "cheri/base/arena.hpp"
#include "cheri/nn/ops.hpp"
#include "cheri/nn/precision.hpp"
#include "cheri/nn/shape.hpp"

#include <memory>
#include <vector>

namespace cheri::nn {

/// What the model reads. Codes (N,L), controls (N,K,L) as raw counts (K may be 0).
template <class T, class Exec>
struct ModelInput {
  View<const Code**, Exec> codes_NL;
  View<const T***, Exec> control_NKL;
};

/// What it predicts: logits (N,T,W) before the softmax, natural-log counts (N,G) of log(1 + counts).
template <class T, class Exec>
struct ModelOutput {
  View<T***, Exec> logits_NTW;
  View<T**, Exec> log_counts_NG;
};

class Engine;   // src/nn/kernels/engine.hpp

/// A model for at most `capacity` examples a pass, in slices of `slice_size` examples. With `training` it keeps what the
/// backward pass needs: each block's input and two statistics an example. All memory is taken in the constructor.
template <class T, class Exec>
class Model {
 public:
  enum class Mode { inference, training };

  /// Where no kernels serve the shape in the precision that is asked for, it is fp32: precision() says so.
  Model(const ModelShape& shape, int capacity, int slice_size, Mode mode, Precision precision = Precision::fp32);

  [[nodiscard]] const ModelShape& shape() const { return m_shape; }
  [[nodiscard]] const ParameterTable& table() const { return m_table; }
  [[nodiscard]] int capacity() const { return m_capacity; }
  [[nodiscard]] Precision precision() const { return m_engine ? m_precision : Precision::fp32; }
  [[nodiscard]] std::size_t bytes() const;

  /// Packs the weights into tile order; once after every change of the parameters, some of which are read where they are: a
  /// managed View is kept alive.
  void load(const Exec& exec, const View<const T*, Exec>& parameters_P);

  /// N = input.codes_NL.extent(0) <= capacity.
  void forward(const Exec& exec, const ModelOutput<T, Exec>& output, const ModelInput<T, Exec>& input);

  /// After forward of the same input: gradient_SP(s, :) = the gradient of slice s, whose examples are
  /// [s*slice_size, (s+1)*slice_size). lw0 and lw1 are the loss's: their entries stay as they are.
  void backward(const Exec& exec, const View<T**, Exec>& gradient_SP, const ModelOutput<T, Exec>& d_output,
                const ModelInput<T, Exec>& input);

  /// The blocks alone, for n examples, on the features and the gradient that the last forward and backward left: to measure
  /// them.
  void forward_blocks(const Exec& exec, int n);
  void backward_blocks(const Exec& exec, const View<T**, Exec>& gradient_SP, int n);

  /// In fp32 alone, once after backward: d_input(n, b, l), the gradient with respect to a one-hot input (N,4,L).
  void input_gradient(const Exec& exec, const View<T***, Exec>& d_input_N4L, const ModelInput<T, Exec>& input);

 private:
  void lay_out(Arena<Exec>& arena);
  [[nodiscard]] View<T***, Exec> features(int layer, int n) const;   ///< input of block `layer`
  [[nodiscard]] View<T**, Exec> statistics(int layer, int n) const;

  ModelShape m_shape;
  ParameterTable m_table;
  int m_capacity;
  int m_slice_size;
  Mode m_mode;
  Precision m_precision;
  std::shared_ptr<Engine> m_engine;   ///< does all the work where there is one; nothing below is taken then
  Arena<Exec> m_arena;
  View<const T*, Exec> m_parameters;

  StemWeights<T, Exec> m_stem;
  std::vector<BlockWeights<T, Exec>> m_blocks;
  HeadWeights<T, Exec> m_heads;
  std::vector<View<T***, Exec>> m_features;    ///< input of block i; the last is the heads' input. Two in inference.
  std::vector<View<T**, Exec>> m_statistics;   ///< (N,2) mean and 1/sqrt(var + eps) of each block
  View<T***, Exec> m_d_features;               ///< in the memory of the heads' input, which they read before
  BlockScratch<T, Exec> m_scratch;
};

}   // namespace cheri::nn
