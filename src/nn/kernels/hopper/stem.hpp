// The stem on Hopper GPUs: the one-hot sequence times the weights on tensor cores. The weights count as two bf16 each
// (relative error 2^-17), so the result is good for every precision of the model. T: float or __nv_bfloat16.
#pragma once

#include "nn/kernels/hopper/slices.hpp"

#include <cstddef>
#include <cstdint>

namespace cheri::nn::hopper {

struct StemShape {
  int examples, length, channels;
};

/// Whether these kernels take the shape: channels a multiple of 32.
bool stem_serves(const StemShape& shape);

/// Bytes of the packed weights, 16-byte aligned.
std::size_t stem_packed_size(int channels);

/// From iconv.weight (C, 4, 21) to the order of the kernels for activations of type T; once after every change of it.
template <class T>
void stem_pack(cudaStream_t stream, void* packed, const float* weight, int channels);

/// out(n,l,c) = gelu(bias(c) + sum_k W(c, code(n, l+k-10), k)); codes 0..3, anything else is no base.
template <class T>
void stem_forward(cudaStream_t stream, T* out_NLC, const std::uint8_t* codes_NL, const void* packed, const float* bias_C,
                  const StemShape& shape);

/// Bytes that stem_backward needs beside its arguments.
std::size_t stem_scratch_size(int channels, int n_slices);

/// Gradients of iconv.weight and iconv.bias from that of the output, by slice.
template <class T>
void stem_backward(cudaStream_t stream, const SliceGradients& gradient, std::int64_t weight_offset, std::int64_t bias_offset,
                   const T* dout_NLC, const std::uint8_t* codes_NL, const void* packed, const float* bias_C,
                   const StemShape& shape, void* scratch);

}   // namespace cheri::nn::hopper
