// Two sets of examples, compared in everything but their reports.
#pragma once

#include "cheri/data/examples.hpp"

#include <gtest/gtest.h>

namespace cheri::testing {

inline bool same_values(const data::SignalBlock& a, const data::SignalBlock& b) {
  return a.type == b.type && a.bytes == b.bytes;
}

inline void expect_same_examples(const data::ExampleSet& found, const data::ExampleSet& expected) {
  EXPECT_EQ(found.chromosomes, expected.chromosomes);
  EXPECT_EQ(found.loci, expected.loci);
  EXPECT_EQ(found.centres, expected.centres);
  EXPECT_EQ(found.n_peaks, expected.n_peaks);
  EXPECT_EQ(found.n_negatives, expected.n_negatives);
  EXPECT_EQ(found.tracks, expected.tracks);
  EXPECT_EQ(found.windows, expected.windows);
  EXPECT_EQ(found.max_jitter, expected.max_jitter);
  EXPECT_EQ(found.codes, expected.codes);
  EXPECT_TRUE(same_values(found.signal, expected.signal)) << "signal";
  EXPECT_TRUE(same_values(found.control, expected.control)) << "control";
}

}   // namespace cheri::testing
