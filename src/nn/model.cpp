#include "cheri/nn/model.hpp"

#include "cheri/base/check.hpp"
#include "nn/kernels/engine.hpp"

namespace cheri::nn {
namespace {

template <class ViewType>
auto first_examples(const ViewType& view, int n) {
  return Kokkos::subview(view, std::make_pair(0, n), Kokkos::ALL, Kokkos::ALL);
}

/// Whether an engine may serve: it computes in float on the device.
template <class T, class Exec>
inline constexpr bool may_have_engine = std::is_same_v<T, float>&& std::is_same_v<Exec, Engine::Exec>;

}   // namespace

template <class T, class Exec>
Model<T, Exec>::Model(const ModelShape& shape, int capacity, int slice_size, Mode mode, Precision precision)
    : m_shape(shape), m_table(shape), m_capacity(capacity), m_slice_size(slice_size), m_mode(mode), m_precision(precision) {
  CHERI_REQUIRE(capacity >= 1 && slice_size >= 1, "capacity " << capacity << ", slice_size " << slice_size);
  CHERI_REQUIRE(mode == Mode::inference || capacity % slice_size == 0,
                "capacity " << capacity << " must be whole slices of " << slice_size);
  if constexpr (may_have_engine<T, Exec>) {
    m_engine = make_engine(shape, m_table, capacity, slice_size, mode == Mode::training, precision);
    if (m_engine) return;
  }
  Arena<Exec> measure;
  lay_out(measure);
  m_arena = Arena<Exec>("cheri::nn::Model", measure.bytes());
  lay_out(m_arena);
}

template <class T, class Exec>
void Model<T, Exec>::lay_out(Arena<Exec>& arena) {
  const bool training = m_mode == Mode::training;
  const auto examples = static_cast<std::size_t>(m_capacity);
  const auto length = static_cast<std::size_t>(m_shape.in_window);
  const auto channels = static_cast<std::size_t>(m_shape.n_filters);
  const auto layers = static_cast<std::size_t>(m_shape.n_layers);

  m_stem.lay_out(arena, m_shape, m_table);
  m_heads.lay_out(arena, m_shape, m_table, m_capacity);
  m_blocks.assign(layers, {});
  for (std::size_t i = 0; i < layers; ++i) m_blocks[i].lay_out(arena, m_shape, m_table, static_cast<int>(i), training);

  // In training every block keeps its input; in inference two buffers take turns.
  m_features.clear();
  m_statistics.clear();
  for (std::size_t i = 0; i < (training ? layers + 1 : std::min<std::size_t>(layers + 1, 2)); ++i) {
    m_features.push_back(arena.template take<View<T***, Exec>>("features", examples, length, channels));
  }
  for (std::size_t i = 0; i < (training ? layers : std::size_t{1}); ++i) {
    m_statistics.push_back(arena.template take<View<T**, Exec>>("statistics", examples, std::size_t{2}));
  }
  m_d_features = m_features.back();
  m_scratch.lay_out(arena, m_shape, m_capacity, m_capacity / m_slice_size, training);
}

template <class T, class Exec>
std::size_t Model<T, Exec>::bytes() const {
  return m_engine ? m_engine->bytes() : m_arena.bytes();
}

template <class T, class Exec>
View<T***, Exec> Model<T, Exec>::features(int layer, int n) const {
  return first_examples(m_features[static_cast<std::size_t>(layer) % m_features.size()], n);
}

template <class T, class Exec>
View<T**, Exec> Model<T, Exec>::statistics(int layer, int n) const {
  return Kokkos::subview(m_statistics[static_cast<std::size_t>(layer) % m_statistics.size()], std::make_pair(0, n),
                         Kokkos::ALL);
}

template <class T, class Exec>
void Model<T, Exec>::load(const Exec& exec, const View<const T*, Exec>& parameters_P) {
  CHERI_REQUIRE(static_cast<std::int64_t>(parameters_P.extent(0)) == m_table.size(),
                "the model has " << m_table.size() << " parameters, the buffer " << parameters_P.extent(0));
  m_parameters = parameters_P;
  if constexpr (may_have_engine<T, Exec>) {
    if (m_engine) return m_engine->load(exec, parameters_P);
  }
  m_stem.load(exec, parameters_P, m_shape);
  for (auto& block : m_blocks) block.load(exec, parameters_P, m_shape);
  m_heads.load(exec, parameters_P, m_shape);
}

template <class T, class Exec>
void Model<T, Exec>::forward(const Exec& exec, const ModelOutput<T, Exec>& output, const ModelInput<T, Exec>& input) {
  const int n = static_cast<int>(input.codes_NL.extent(0));
  CHERI_REQUIRE(n <= m_capacity, n << " examples for a model of capacity " << m_capacity);
  CHERI_REQUIRE(static_cast<int>(input.codes_NL.extent(1)) == m_shape.in_window,
                "sequences of " << input.codes_NL.extent(1) << " bp for in_window = " << m_shape.in_window);
  if constexpr (may_have_engine<T, Exec>) {
    if (m_engine) return m_engine->forward(exec, output, input);
  }
  stem_forward<T, Exec>(exec, features(0, n), input.codes_NL, m_stem);
  forward_blocks(exec, n);
  profile_head_forward<T, Exec>(exec, output.logits_NTW, features(m_shape.n_layers, n), input.control_NKL, m_heads);
  count_head_forward<T, Exec>(exec, output.log_counts_NG, features(m_shape.n_layers, n), input.control_NKL, m_heads);
}

template <class T, class Exec>
void Model<T, Exec>::forward_blocks(const Exec& exec, int n) {
  if constexpr (may_have_engine<T, Exec>) {
    if (m_engine) return m_engine->forward_blocks(exec, n);
  }
  for (int i = 0; i < m_shape.n_layers; ++i) {
    block_forward<T, Exec>(exec, features(i + 1, n), statistics(i, n), features(i, n), m_blocks[static_cast<std::size_t>(i)],
                           m_scratch);
  }
}

template <class T, class Exec>
void Model<T, Exec>::backward(const Exec& exec, const View<T**, Exec>& gradient_SP, const ModelOutput<T, Exec>& d_output,
                              const ModelInput<T, Exec>& input) {
  const int n = static_cast<int>(input.codes_NL.extent(0));
  CHERI_REQUIRE(m_mode == Mode::training, "the model was made for inference");
  CHERI_REQUIRE(n % m_slice_size == 0, n << " examples are not whole slices of " << m_slice_size);
  if constexpr (may_have_engine<T, Exec>) {
    if (m_engine) return m_engine->backward(exec, gradient_SP, d_output, input);
  }
  const GradientRows<T, Exec> gradient{gradient_SP, m_slice_size};
  const auto d_features = first_examples(m_d_features, n);
  profile_head_backward<T, Exec>(exec, gradient, d_features, d_output.logits_NTW, features(m_shape.n_layers, n),
                                 input.control_NKL, m_heads, m_scratch.partial);
  count_head_backward<T, Exec>(exec, gradient, d_features, d_output.log_counts_NG, m_heads);
  backward_blocks(exec, gradient_SP, n);
  stem_backward<T, Exec>(exec, gradient, d_features, input.codes_NL, m_stem, m_scratch.partial);
}

template <class T, class Exec>
void Model<T, Exec>::backward_blocks(const Exec& exec, const View<T**, Exec>& gradient_SP, int n) {
  if constexpr (may_have_engine<T, Exec>) {
    if (m_engine) return m_engine->backward_blocks(exec, gradient_SP, n);
  }
  for (int i = m_shape.n_layers - 1; i >= 0; --i) {
    block_backward<T, Exec>(exec, {gradient_SP, m_slice_size}, first_examples(m_d_features, n), features(i, n),
                            statistics(i, n), m_blocks[static_cast<std::size_t>(i)], m_scratch);
  }
}

template <class T, class Exec>
void Model<T, Exec>::input_gradient(const Exec& exec, const View<T***, Exec>& d_input_N4L,
                                    const ModelInput<T, Exec>& input) {
  CHERI_REQUIRE(!m_engine, "gradients at the input are computed in fp32 alone, not in " << name_of(m_precision));
  const int n = static_cast<int>(input.codes_NL.extent(0));
  stem_input_gradient<T, Exec>(exec, d_input_N4L, first_examples(m_d_features, n), input.codes_NL, m_stem);
}

#define CHERI_MODEL(Exec)            \
  template class Model<float, Exec>; \
  template class Model<double, Exec>;
CHERI_FOR_EACH_SPACE(CHERI_MODEL)

}   // namespace cheri::nn
