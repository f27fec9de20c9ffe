// The whole model and its loss in double, as spec.md writes them, with nothing shared with the library but the parameter
// table: plain loops over a real-valued input (N,4,L), so that the gradient at the input can be checked too.
#pragma once

#include "cheri/nn/shape.hpp"

#include <array>
#include <optional>
#include <vector>

namespace cheri::testing {

struct ReferenceInput {
  int n = 0;
  std::vector<double> bases;     ///< (N, 4, L)
  std::vector<double> control;   ///< (N, K, L)
  std::vector<double> signal;    ///< (N, T, W)
};

struct ReferenceOutput {
  std::vector<double> logits;       ///< (N, T, W)
  std::vector<double> log_counts;   ///< (N, G)
};

/// (N,4,L) one-hot from codes (N,L); code 4 is a zero column.
std::vector<double> one_hot(const std::vector<double>& codes, int n, int length);

// One example of each op; features are (L,C).
std::vector<double> reference_stem(const nn::ModelShape& shape, const std::vector<double>& parameters, const double* bases);
std::vector<double> reference_block(const nn::ModelShape& shape, const std::vector<double>& parameters, int layer,
                                    const std::vector<double>& x);
void reference_heads(const nn::ModelShape& shape, const std::vector<double>& parameters, const std::vector<double>& x,
                     const double* control, double* logits, double* log_counts);

ReferenceOutput reference_forward(const nn::ModelShape& shape, const std::vector<double>& parameters,
                                  const ReferenceInput& input);

/// The mixed loss over the batch: learned weights (with the logarithms), or given ones.
double reference_loss(const nn::ModelShape& shape, const std::vector<double>& parameters, const ReferenceInput& input,
                      const ReferenceOutput& output, const std::optional<std::array<double, 2>>& weights);

}   // namespace cheri::testing
