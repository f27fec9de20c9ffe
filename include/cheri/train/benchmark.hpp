// How fast this machine runs the parts of a training step, next to its own ceilings.
#pragma once

#include "cheri/data/examples.hpp"
#include "cheri/nn/shape.hpp"
#include "cheri/parallel/communicator.hpp"

#include <string>
#include <vector>

namespace cheri::train {

struct BenchmarkSpec {
  nn::ModelShape shape;
  std::string precision = "auto";   ///< as in a deck
  std::string backend = "auto";     ///< parallel.backend of a deck
  int batch_size = 64;
  int gradient_slices = 8;
  double seconds = 2;   ///< spent on each measurement, at least; the median of its repetitions is reported
};

struct Measurement {
  std::string what;
  double milliseconds = 0;
  double gflops = 0;      ///< floating-point operations of the definition (not those of recomputation), per second / 1e9
  double gigabytes = 0;   ///< bytes that must be read and written at least, per second / 1e9
  double examples_per_second = 0;   ///< 0 where it has no meaning
};

/// Where the time of a training step goes on this rank. On a GPU each kernel is waited for while it is timed.
struct StepProfile {
  struct Kernel {
    std::string label;
    double calls = 0, milliseconds = 0;   ///< of one step
  };
  std::vector<Kernel> kernels;   ///< and copies, the longest first
  double outside_kernels = 0;    ///< share of the step's time in which none of them ran
  std::string exchange;          ///< Trainer::exchange
};

/// Random examples as a trainer reads them: n_peaks, and a quarter as many negatives. Uniform bases, counts 0 to 2.
data::ExampleSet random_examples(const nn::ModelShape& shape, std::int64_t n_peaks, int max_jitter);

/// "peak": an FMA loop on every thread, in fp32 (on a GPU: of the portable kernels' arithmetic, not its tensor cores);
/// "copy": a copy of arrays far beyond the caches.
std::vector<Measurement> measure_ceilings(const BenchmarkSpec& spec);

/// Throws InputError unless the slices divide the batch, and the ranks the slices.
void require_slices(const parallel::Communicator& communicator, const BenchmarkSpec& spec);

/// A training step of all ranks together, on random data.
Measurement measure_step(const parallel::Communicator& communicator, const BenchmarkSpec& spec);

/// Block forward, block forward and backward (means over the model's blocks), batch gather, training step, inference; random
/// data. The training step is that of all ranks together, the rest of one. Throws InputError if the slices do not divide the
/// batch, or the ranks the slices.
std::vector<Measurement> measure_parts(const parallel::Communicator& communicator, const BenchmarkSpec& spec);

StepProfile profile_step(const parallel::Communicator& communicator, const BenchmarkSpec& spec);

}   // namespace cheri::train
