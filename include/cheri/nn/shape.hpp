// The shape of a Cherimoya model and the table of its parameters.
#pragma once

#include "cheri/base/types.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace cheri::nn {

inline constexpr int stem_taps = 21;
inline constexpr int head_taps = 75;
inline constexpr double norm_epsilon = 1e-3;

/// Everything that fixes the parameters and the extents of a model. Lengths in base pairs.
struct ModelShape {
  int n_filters = 128;                    ///< C, channels of every block
  int n_layers = 9;                       ///< blocks, dilation 2^i
  int expansion = 2;                      ///< H = expansion * C
  double residual_scale = 0.15;           ///< s in out = x + s mlp(z)
  std::vector<int> signal_groups = {1};   ///< channels of each group: [2] is one stranded pair
  int n_controls = 0;                     ///< K, control channels
  int in_window = 2114;                   ///< L
  int out_window = 1000;                  ///< W

  [[nodiscard]] int hidden() const { return expansion * n_filters; }
  [[nodiscard]] int n_groups() const { return static_cast<int>(signal_groups.size()); }
  [[nodiscard]] int n_tracks() const;   ///< T, the sum of signal_groups
  [[nodiscard]] int trimming() const { return (in_window - out_window) / 2; }
  [[nodiscard]] std::vector<int> group_of_track() const;

  bool operator==(const ModelShape&) const = default;

  /// Throws InputError, naming the key, for any value that makes no model: sizes below 1, in_window < out_window,
  /// an odd difference of the windows, a dilation beyond 2^30.
  void check() const;
};

/// Which optimiser moves a parameter.
enum class Optimiser { muon, adamw, sgd };

struct Parameter {
  std::string name;   ///< as in the public package's state dict, e.g. "blocks.0.linear1.weight"
  std::vector<int> shape;
  std::int64_t offset = 0;   ///< in the flat buffer, in elements
  std::int64_t size = 0;     ///< the product of shape
  Optimiser optimiser = Optimiser::adamw;
};

/// The parameters of a model in their order in the flat buffer: lw0, lw1, iconv, blocks, fconv, linear.
/// Gradient, moments and EMA are buffers of the same layout.
class ParameterTable {
 public:
  explicit ParameterTable(const ModelShape& shape);

  [[nodiscard]] const std::vector<Parameter>& parameters() const { return m_parameters; }
  [[nodiscard]] const Parameter& find(const std::string& name) const;   ///< throws Error if there is none
  [[nodiscard]] std::int64_t size() const { return m_size; }            ///< elements of the flat buffer

 private:
  void add(std::string name, std::vector<int> shape, Optimiser optimiser);
  std::vector<Parameter> m_parameters;
  std::int64_t m_size = 0;
};

/// lw0, lw1 = 1, biases 0, weights N(0, 0.02): the same numbers for a seed on every backend.
HostView<float*> initial_parameters(const ParameterTable& table, std::uint64_t seed);

}   // namespace cheri::nn
