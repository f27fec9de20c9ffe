// A whole model by kernels made for one kind of device, behind nn::Model, whose portable kernels serve every other shape,
// device and precision.
#pragma once

#include "cheri/base/arena.hpp"
#include "cheri/nn/model.hpp"
#include "cheri/nn/precision.hpp"
#include "cheri/nn/shape.hpp"

#include <memory>

namespace cheri::nn {

/// What a model needs of it. Two precisions implement it.
class Engine {
 public:
  using Exec = Device;

  Engine() = default;
  virtual ~Engine() = default;
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  [[nodiscard]] virtual std::size_t bytes() const = 0;
  /// As the functions of nn::Model of these names.
  virtual void load(const Exec& exec, const View<const float*, Exec>& parameters_P) = 0;
  virtual void forward(const Exec& exec, const ModelOutput<float, Exec>& output, const ModelInput<float, Exec>& input) = 0;
  virtual void backward(const Exec& exec, const View<float**, Exec>& gradient_SP, const ModelOutput<float, Exec>& d_output,
                        const ModelInput<float, Exec>& input) = 0;
  virtual void forward_blocks(const Exec& exec, int n) = 0;
  virtual void backward_blocks(const Exec& exec, const View<float**, Exec>& gradient_SP, int n) = 0;
};

/// Null where no such kernels serve the model. Hopper GPUs: tf32 and bf16 for C and H that are multiples of 32, from 64 to
/// 1,024 filters, up to 16 tracks.
std::shared_ptr<Engine> make_engine(const ModelShape& shape, const ParameterTable& table, int capacity, int slice_size,
                                    bool training, Precision precision);

}   // namespace cheri::nn
