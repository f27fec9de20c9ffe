// How exactly a model computes on a GPU.
#pragma once

namespace cheri::nn {

/// fp32  everything in single precision; the only one on cores, in double, and for shapes that no faster kernels serve
/// tf32  activations fp32; operands of the large products rounded to 10 bits of mantissa, as TF32 has them
/// bf16  activations and operands bf16; statistics, losses, gradients of parameters and their sums fp32
enum class Precision { fp32, tf32, bf16 };

inline const char* name_of(Precision precision) {
  return precision == Precision::fp32 ? "fp32" : precision == Precision::tf32 ? "tf32" : "bf16";
}

}   // namespace cheri::nn
