#include "cheri/nn/shape.hpp"

#include "cheri/base/check.hpp"
#include "cheri/base/random.hpp"

#include <numeric>

namespace cheri::nn {

int ModelShape::n_tracks() const { return std::accumulate(signal_groups.begin(), signal_groups.end(), 0); }

std::vector<int> ModelShape::group_of_track() const {
  std::vector<int> groups;
  for (int g = 0; g < n_groups(); ++g)
    groups.insert(groups.end(), static_cast<std::size_t>(signal_groups[static_cast<std::size_t>(g)]), g);
  return groups;
}

void ModelShape::check() const {
  const auto positive = [](const char* key, int value) {
    CHERI_REQUIRE_INPUT(value >= 1, key << " must be at least 1, and is " << value);
  };
  positive("n_filters", n_filters);
  positive("expansion", expansion);
  positive("in_window", in_window);
  positive("out_window", out_window);
  CHERI_REQUIRE_INPUT(n_layers >= 0 && n_layers <= 30, "n_layers must be 0 to 30 (dilations 2^i), and is " << n_layers);
  CHERI_REQUIRE_INPUT(n_controls >= 0, "the number of controls must not be negative, and is " << n_controls);
  CHERI_REQUIRE_INPUT(!signal_groups.empty(), "a model needs at least one signal");
  for (const int channels : signal_groups) positive("channels of a signal group", channels);
  CHERI_REQUIRE_INPUT(in_window >= out_window,
                      "in_window (" << in_window << ") must not be smaller than out_window (" << out_window << ")");
  CHERI_REQUIRE_INPUT((in_window - out_window) % 2 == 0, "in_window - out_window must be even, and is "
                                                             << in_window << " - " << out_window << " = "
                                                             << in_window - out_window);
}

ParameterTable::ParameterTable(const ModelShape& shape) {
  shape.check();
  const int channels = shape.n_filters, hidden = shape.hidden(), groups = shape.n_groups();
  add("lw0", {groups}, Optimiser::sgd);
  add("lw1", {groups}, Optimiser::sgd);
  add("iconv.weight", {channels, 4, stem_taps}, Optimiser::adamw);
  add("iconv.bias", {channels}, Optimiser::adamw);
  for (int i = 0; i < shape.n_layers; ++i) {
    const std::string block = "blocks." + std::to_string(i) + ".";
    add(block + "conv_weight", {3, channels}, Optimiser::adamw);
    add(block + "linear1.weight", {hidden, channels}, Optimiser::muon);
    add(block + "linear2.weight", {channels, hidden}, Optimiser::muon);
  }
  add("fconv.weight", {shape.n_tracks(), channels + shape.n_controls, head_taps}, Optimiser::adamw);
  add("fconv.bias", {shape.n_tracks()}, Optimiser::adamw);
  add("linear.weight", {groups, channels + (shape.n_controls > 0 ? 1 : 0)}, Optimiser::adamw);
  add("linear.bias", {groups}, Optimiser::adamw);
}

void ParameterTable::add(std::string name, std::vector<int> shape, Optimiser optimiser) {
  const std::int64_t size = std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
  m_parameters.push_back({std::move(name), std::move(shape), m_size, size, optimiser});
  m_size += size;
}

const Parameter& ParameterTable::find(const std::string& name) const {
  for (const Parameter& parameter : m_parameters) {
    if (parameter.name == name) return parameter;
  }
  throw Error("no parameter is named " + name);
}

HostView<float*> initial_parameters(const ParameterTable& table, std::uint64_t seed) {
  HostView<float*> values("cheri::nn::initial_parameters", static_cast<std::size_t>(table.size()));
  for (const Parameter& parameter : table.parameters()) {
    const bool is_loss_weight = parameter.optimiser == Optimiser::sgd;
    const bool is_bias = parameter.name.ends_with(".bias");
    for (std::int64_t i = parameter.offset; i < parameter.offset + parameter.size; ++i) {
      const auto at = static_cast<std::size_t>(i);
      if (is_loss_weight) values(at) = 1;
      else values(at) = is_bias ? 0 : static_cast<float>(0.02 * counter_normal(seed, static_cast<std::uint64_t>(i)));
    }
  }
  return values;
}

}   // namespace cheri::nn
