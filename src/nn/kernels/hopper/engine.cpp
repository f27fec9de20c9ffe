// The model on Hopper GPUs: which kernel of this folder comes when, and the memory of all of them.
#include "nn/kernels/engine.hpp"

#include "cheri/base/check.hpp"
#include "nn/kernels/hopper/block.hpp"
#include "nn/kernels/hopper/controls.hpp"
#include "nn/kernels/hopper/heads.hpp"
#include "nn/kernels/hopper/stem.hpp"

#include <string>
#include <vector>

namespace cheri::nn::hopper {
namespace {

using Exec = Engine::Exec;
using Bytes = View<std::byte*, Exec>;

struct Sizes {
  int capacity, slice_size;
  bool training;
};

StemShape stem_shape(const ModelShape& shape, int n) { return {n, shape.in_window, shape.n_filters}; }

Width width_of(const ModelShape& shape) { return {shape.n_filters, shape.hidden()}; }

HeadShape head_shape(const ModelShape& shape, int n) {
  return {n, shape.in_window, shape.n_filters, shape.n_tracks(), shape.n_groups(), shape.out_window, shape.n_controls};
}

template <class Mode>
class EngineOf final : public Engine {
  using Activation = typename Mode::Activation;
  using Features = View<Activation***, Exec>;

 public:
  EngineOf(const ModelShape& shape, const ParameterTable& table, const Sizes& sizes) : m_shape(shape), m_sizes(sizes) {
    find_offsets(table);
    prepare<Mode>();
    Arena<Exec> measure;
    lay_out(measure);
    m_arena = Arena<Exec>("cheri::nn::hopper::Engine", measure.bytes());
    lay_out(m_arena);
    if (m_counters.size() > 0) Kokkos::deep_copy(m_counters, std::byte{0});
  }

  [[nodiscard]] std::size_t bytes() const override { return m_arena.bytes(); }

  void load(const Exec& exec, const View<const float*, Exec>& parameters_P) override {
    m_parameters = parameters_P.data();
    const cudaStream_t stream = exec.cuda_stream();
    stem_pack<Activation>(stream, m_stem.data(), at(m_stem_weight), m_shape.n_filters);
    heads_pack<Activation>(stream, m_heads.data(), at(m_head_offsets.profile_weight), at(m_head_offsets.count_weight),
                           head_shape(m_shape, m_sizes.capacity));
    if (m_layers.empty()) return;
    pack_weights<Mode>(stream, m_packed.data(), m_parameters, m_layers.data(), m_shape.n_layers, width(), residual_scale());
  }

  void forward(const Exec& exec, const ModelOutput<float, Exec>& output, const ModelInput<float, Exec>& input) override {
    const int n = static_cast<int>(input.codes_NL.extent(0));
    const cudaStream_t stream = exec.cuda_stream();
    stem_forward<Activation>(stream, features(0), input.codes_NL.data(), m_stem.data(), at(m_stem_bias),
                             stem_shape(m_shape, n));
    forward_blocks(exec, n);
    heads_forward<Activation>(stream, output.logits_NTW.data(), output.log_counts_NG.data(), features(m_shape.n_layers),
                              m_heads.data(), at(m_head_offsets.profile_bias), at(m_head_offsets.count_bias),
                              head_shape(m_shape, n), m_parts.data());
    if (m_shape.n_controls == 0) return;
    controls_forward(stream, output.logits_NTW.data(), output.log_counts_NG.data(), m_log_control.data(),
                     input.control_NKL.data(), at(m_head_offsets.profile_weight), at(m_head_offsets.count_weight),
                     head_shape(m_shape, n));
  }

  void forward_blocks(const Exec& exec, int n) override {
    for (int i = 0; i < m_shape.n_layers; ++i) {
      block_forward<Mode>(exec.cuda_stream(), problem(i, n, 1), features(i + 1), statistics(i), saved(i), features(i),
                          at(layer(i).conv), packed(i), forward_scratch());
    }
  }

  void backward(const Exec& exec, const View<float**, Exec>& gradient_SP, const ModelOutput<float, Exec>& d_output,
                const ModelInput<float, Exec>& input) override {
    const int n = static_cast<int>(input.codes_NL.extent(0));
    const cudaStream_t stream = exec.cuda_stream();
    const SliceGradients gradient{gradient_SP.data(), static_cast<std::int64_t>(gradient_SP.stride(0)), m_sizes.slice_size};
    Activation* const d_features = features(m_shape.n_layers);
    heads_backward<Activation>(stream, gradient, m_head_offsets, d_features, d_output.logits_NTW.data(),
                               d_output.log_counts_NG.data(), features(m_shape.n_layers), m_heads.data(),
                               head_shape(m_shape, n), m_parts.data());
    if (m_shape.n_controls > 0) {
      controls_backward(stream, gradient, m_head_offsets, d_output.logits_NTW.data(), d_output.log_counts_NG.data(),
                        input.control_NKL.data(), m_log_control.data(), head_shape(m_shape, n));
    }
    backward_blocks(exec, gradient_SP, n);
    stem_backward<Activation>(stream, gradient, m_stem_weight, m_stem_bias, d_features, input.codes_NL.data(), m_stem.data(),
                              at(m_stem_bias), stem_shape(m_shape, n), m_parts.data());
  }

  void backward_blocks(const Exec& exec, const View<float**, Exec>& gradient_SP, int n) override {
    const cudaStream_t stream = exec.cuda_stream();
    Activation* const d_features = features(m_shape.n_layers);
    const auto row = static_cast<std::int64_t>(gradient_SP.stride(0));
    const int last = m_shape.n_layers - 1;
    if (last >= 0) begin_backward<Mode>(stream, problem(last, n, m_sizes.slice_size), d_features, packed(last), m_backward);
    for (int i = last; i >= 0; --i) {
      block_backward<Mode>(stream, problem(i, n, m_sizes.slice_size), LayerGradients{gradient_SP.data(), row, layer(i)},
                           d_features, features(i), statistics(i), saved(i), at(layer(i).conv), packed(i),
                           i > 0 ? packed(i - 1) : nullptr, m_backward);
    }
  }

 private:
  void find_offsets(const ParameterTable& table) {
    const auto offset = [&](const std::string& name) { return table.find(name).offset; };
    m_stem_weight = offset("iconv.weight");
    m_stem_bias = offset("iconv.bias");
    m_head_offsets = {offset("fconv.weight"), offset("fconv.bias"), offset("linear.weight"), offset("linear.bias")};
    for (int i = 0; i < m_shape.n_layers; ++i) {
      const std::string block = "blocks." + std::to_string(i) + ".";
      m_layers.push_back(
          {offset(block + "conv_weight"), offset(block + "linear1.weight"), offset(block + "linear2.weight")});
    }
  }

  void lay_out(Arena<Exec>& arena) {
    const auto take = [&](const char* label, std::size_t bytes) { return arena.take<Bytes>(label, bytes); };
    const bool training = m_sizes.training;
    const int n = m_sizes.capacity, length = m_shape.in_window, n_slices = training ? n / m_sizes.slice_size : 0;
    const auto layers = static_cast<std::size_t>(m_shape.n_layers), examples = static_cast<std::size_t>(n);
    m_stem = take("stem", stem_packed_size(m_shape.n_filters));
    m_heads = take("heads", heads_packed_size(head_shape(m_shape, n)));
    m_packed = take("blocks", layers * packed_layer_bytes(width()));
    m_log_control = arena.take<View<float*, Exec>>("log_control", examples);

    // In training every block keeps its input; in inference two buffers take turns.
    const std::size_t kept = training ? layers : std::min<std::size_t>(layers, 1);
    m_features.clear();
    m_statistics.clear();
    m_saved.clear();
    for (std::size_t i = 0; i < kept + 1; ++i) {
      m_features.push_back(arena.take<Features>("features", examples, static_cast<std::size_t>(length),
                                                static_cast<std::size_t>(m_shape.n_filters)));
    }
    for (std::size_t i = 0; i < kept; ++i) {
      m_statistics.push_back(arena.take<View<float**, Exec>>("statistics", examples, std::size_t{2}));
      if (training) m_saved.push_back(take("z", saved_z_bytes(n, length, width())));
    }
    const ForwardScratchBytes forward = forward_scratch_bytes(n, length, width(), training);
    const auto backward = training ? backward_scratch_bytes<Mode>(n, length, width(), n_slices) : BackwardScratchBytes{};
    m_moments = take("moments", forward.moments);
    m_counters = take("counters", forward.finished_blocks + backward.published);
    m_backward.published = reinterpret_cast<unsigned*>(m_counters.data() + forward.finished_blocks);
    m_z = take("inference_z", forward.z);
    m_hidden = take("hidden", std::max(forward.hidden, backward.hidden));
    const std::size_t stem_parts = training ? stem_scratch_size(m_shape.n_filters, n_slices) : 0;
    m_parts =
        take("parts", std::max({heads_scratch_size(head_shape(m_shape, n), n_slices), backward.linear_parts, stem_parts}));
    if (training) lay_out_backward(take, backward);
  }

  template <class Take>
  void lay_out_backward(const Take& take, const BackwardScratchBytes& bytes) {
    m_backward.dz = reinterpret_cast<std::uint16_t*>(take("dz", bytes.dz).data());
    m_backward.conv_parts = reinterpret_cast<float*>(take("conv_parts", bytes.conv_parts).data());
    m_backward.tile_sums = reinterpret_cast<float4*>(take("tile_sums", bytes.tile_sums).data());
    m_backward.coefficients = reinterpret_cast<float4*>(take("coefficients", bytes.coefficients).data());
    m_backward.scaled = reinterpret_cast<std::uint16_t*>(take("scaled", bytes.scaled).data());
    m_backward.ranges = reinterpret_cast<SliceRange*>(take("ranges", bytes.ranges).data());
    m_backward.hidden = reinterpret_cast<std::uint16_t*>(m_hidden.data());
    m_backward.linear_parts = reinterpret_cast<float*>(m_parts.data());
  }

  [[nodiscard]] const float* at(std::int64_t offset) const { return m_parameters + offset; }
  [[nodiscard]] Width width() const { return width_of(m_shape); }
  [[nodiscard]] float residual_scale() const { return static_cast<float>(m_shape.residual_scale); }
  [[nodiscard]] const LayerOffsets& layer(int i) const { return m_layers[static_cast<std::size_t>(i)]; }
  [[nodiscard]] const std::byte* packed(int i) const {
    return m_packed.data() + static_cast<std::size_t>(i) * packed_layer_bytes(width());
  }
  [[nodiscard]] Activation* features(int i) const {
    return m_features[static_cast<std::size_t>(i) % m_features.size()].data();
  }
  [[nodiscard]] float* statistics(int i) const {
    return m_statistics[static_cast<std::size_t>(i) % m_statistics.size()].data();
  }
  [[nodiscard]] std::uint16_t* saved(int i) const {
    return m_saved.empty() ? nullptr : reinterpret_cast<std::uint16_t*>(m_saved[static_cast<std::size_t>(i)].data());
  }
  /// A forward takes any number of examples, a backward whole slices.
  [[nodiscard]] Problem problem(int i, int n, int slice_size) const {
    return {n, m_shape.in_window, 1 << i, slice_size, residual_scale(), width()};
  }
  [[nodiscard]] ForwardScratch forward_scratch() const {
    return {reinterpret_cast<float4*>(m_moments.data()), reinterpret_cast<unsigned*>(m_counters.data()),
            reinterpret_cast<std::uint16_t*>(m_z.data()), reinterpret_cast<std::uint16_t*>(m_hidden.data())};
  }

  ModelShape m_shape;
  Sizes m_sizes;
  const float* m_parameters = nullptr;   ///< flat, as loaded
  std::int64_t m_stem_weight = 0, m_stem_bias = 0;
  HeadOffsets m_head_offsets{};
  std::vector<LayerOffsets> m_layers;

  Arena<Exec> m_arena;
  Bytes m_stem, m_heads, m_packed;   ///< weights in the order of the kernels
  Bytes m_parts;                     ///< of whoever sums parts: heads, blocks, stem, one after the other
  Bytes m_moments, m_counters, m_z;
  Bytes m_hidden;                     ///< of the wide MLP's forward, then of its backward
  View<float*, Exec> m_log_control;   ///< of each example, for the backward
  std::vector<Features> m_features;   ///< input of block i; the last, the heads', becomes its gradient. Two in inference
  std::vector<View<float**, Exec>> m_statistics;
  std::vector<Bytes> m_saved;   ///< z of block i, 16 bit
  BackwardScratch m_backward;
};

bool device_is_hopper() {
  int device = 0, major = 0;
  return cudaGetDevice(&device) == cudaSuccess &&
         cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device) == cudaSuccess && major == 9;
}

bool serves(const ModelShape& shape, Precision precision) {
  return precision != Precision::fp32 && blocks_serve(width_of(shape)) && shape.n_layers <= max_layers &&
         stem_serves(stem_shape(shape, 1)) && heads_serve(head_shape(shape, 1)) && device_is_hopper();
}

}   // namespace
}   // namespace cheri::nn::hopper

namespace cheri::nn {

std::shared_ptr<Engine> make_engine(const ModelShape& shape, const ParameterTable& table, int capacity, int slice_size,
                                    bool training, Precision precision) {
  if (!hopper::serves(shape, precision)) return nullptr;
  const hopper::Sizes sizes{capacity, slice_size, training};
  if (precision == Precision::bf16) return std::make_shared<hopper::EngineOf<hopper::Bf16>>(shape, table, sizes);
  return std::make_shared<hopper::EngineOf<hopper::Tf32Class>>(shape, table, sizes);
}

}   // namespace cheri::nn
