// Muon's Newton-Schulz iteration of all matrices of a model in one kernel: a cluster of thread blocks a matrix, products on
// tensor cores with operands of 22 bits (the sum of two scaled fp16 each), which keeps the accuracy of fp32.
#pragma once

#include "nn/kernels/hopper/slices.hpp"

#include <cstddef>
#include <cstdint>

namespace cheri::nn::hopper {

/// The matrices of a model: each rows x columns or columns x rows, rows <= columns.
struct MuonShape {
  int matrices, rows, columns;
};

/// Whether this kernel takes the shape: rows and columns multiples of 32.
bool muon_serves(const MuonShape& shape);

/// Bytes that muon_update needs beside its arguments, 16-byte aligned.
std::size_t muon_scratch_size(const MuonShape& shape);

/// For every matrix: X = direction / max(|direction|, 1e-7), transposed if it has more rows than columns; five times
/// {A = X X^T; X = a X + (b A + c A A) X}; values = values (1 - lr decay) - lr sqrt(max(1, rows / columns)) X.
/// matrices_M3: offset in the flat buffers, rows, columns. lr and skip are read from device memory when the kernel runs;
/// nothing changes if skip is set.
void muon_update(cudaStream_t stream, float* values_P, const float* direction_P, const std::int64_t* matrices_M3,
                 const double* lr, const bool* skip, double weight_decay, const MuonShape& shape, void* scratch);

}   // namespace cheri::nn::hopper
