// What control tracks add to both heads: 75 taps of each to every logit, and log(1 + their sum over the output window) to
// every log-count. All of it in fp32.
#pragma once

#include "nn/kernels/hopper/heads.hpp"

namespace cheri::nn::hopper {

/// logits(n,t,w) += sum_{j,k} W(t, C+j, k) control(n, j, trimming + w + k - 37), zero outside the example;
/// log_counts(n,g) += W(g,C) log_control(n), which is kept for the backward (N). Call it after heads_forward.
void controls_forward(cudaStream_t stream, float* logits_NTW, float* log_counts_NG, float* log_control_N,
                      const float* control_NKL, const float* profile_weight, const float* count_weight,
                      const HeadShape& shape);

/// The controls' share of the gradients of fconv.weight and linear.weight, by slice.
void controls_backward(cudaStream_t stream, const SliceGradients& gradient, const HeadOffsets& offsets,
                       const float* dlogits_NTW, const float* dlog_counts_NG, const float* control_NKL,
                       const float* log_control_N, const HeadShape& shape);

}   // namespace cheri::nn::hopper
