// The table of parameters, the shapes that make no model, and the initial parameters.
#include "cheri/nn/shape.hpp"
#include "cheri/base/check.hpp"
#include "cheri/base/digest.hpp"
#include "support/messages.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

namespace cheri::nn {
namespace {

using cheri::testing::message_of;
using cheri::testing::says;

TEST(ModelShape, DefaultsAreThePublicPackages) {
  const ModelShape shape;
  EXPECT_EQ(ParameterTable(shape).size(), 613892);
  EXPECT_EQ(shape.hidden(), 256);
  EXPECT_EQ(shape.trimming(), 557);
  EXPECT_EQ(shape.n_tracks(), 1);
  EXPECT_EQ(shape.n_groups(), 1);
}

TEST(ModelShape, TracksKnowTheirGroups) {
  ModelShape shape;
  shape.signal_groups = {2, 1, 3};
  EXPECT_EQ(shape.n_tracks(), 6);
  EXPECT_EQ(shape.group_of_track(), (std::vector<int>{0, 0, 1, 2, 2, 2}));
}

// Names, extents and order of a state dict of the public package (spec.md, Model).
TEST(ParameterTable, NamesAndOrderAreThePublicPackages) {
  ModelShape shape;
  shape.n_filters = 5;
  shape.n_layers = 2;
  shape.expansion = 3;
  shape.signal_groups = {2, 1};
  shape.n_controls = 4;
  const std::vector<std::pair<std::string, std::vector<int>>> expected = {
      {"lw0", {2}},
      {"lw1", {2}},
      {"iconv.weight", {5, 4, 21}},
      {"iconv.bias", {5}},
      {"blocks.0.conv_weight", {3, 5}},
      {"blocks.0.linear1.weight", {15, 5}},
      {"blocks.0.linear2.weight", {5, 15}},
      {"blocks.1.conv_weight", {3, 5}},
      {"blocks.1.linear1.weight", {15, 5}},
      {"blocks.1.linear2.weight", {5, 15}},
      {"fconv.weight", {3, 9, 75}},
      {"fconv.bias", {3}},
      {"linear.weight", {2, 6}},
      {"linear.bias", {2}},
  };
  const ParameterTable table(shape);
  ASSERT_EQ(table.parameters().size(), expected.size());
  std::int64_t offset = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const Parameter& p = table.parameters()[i];
    EXPECT_EQ(p.name, expected[i].first);
    EXPECT_EQ(p.shape, expected[i].second) << p.name;
    EXPECT_EQ(p.offset, offset) << p.name;
    std::int64_t size = 1;
    for (const int extent : p.shape) size *= extent;
    EXPECT_EQ(p.size, size) << p.name;
    offset += size;
  }
  EXPECT_EQ(table.size(), offset);
}

TEST(ParameterTable, EveryParameterHasItsOptimiser) {
  const ParameterTable table{ModelShape()};
  for (const Parameter& p : table.parameters()) {
    const bool is_linear = p.name.find(".linear") != std::string::npos;
    const Optimiser expected = p.name.starts_with("lw") ? Optimiser::sgd : is_linear ? Optimiser::muon : Optimiser::adamw;
    EXPECT_EQ(p.optimiser, expected) << p.name;
  }
}

TEST(ParameterTable, FindsByName) {
  const ParameterTable table{ModelShape()};
  EXPECT_EQ(table.find("blocks.8.linear2.weight").shape, (std::vector<int>{128, 256}));
  EXPECT_TRUE(says(message_of<Error>([&] { static_cast<void>(table.find("blocks.9.conv_weight")); }),
                   {"no parameter is named blocks.9.conv_weight"}));
}

TEST(ModelShape, ImpossibleValuesAreNamed) {
  const auto message = [](const std::function<void(ModelShape&)>& change) {
    ModelShape shape;
    change(shape);
    return message_of<InputError>([&] { shape.check(); });
  };
  EXPECT_TRUE(says(message([](ModelShape& s) { s.n_filters = 0; }), {"n_filters must be at least 1, and is 0"}));
  EXPECT_TRUE(says(message([](ModelShape& s) { s.expansion = -1; }), {"expansion", "-1"}));
  EXPECT_TRUE(says(message([](ModelShape& s) { s.in_window = 0; }), {"in_window", "0"}));
  EXPECT_TRUE(says(message([](ModelShape& s) { s.out_window = 0; }), {"out_window", "0"}));
  EXPECT_TRUE(says(message([](ModelShape& s) { s.n_layers = -1; }), {"n_layers must be 0 to 30", "-1"}));
  EXPECT_TRUE(says(message([](ModelShape& s) { s.n_layers = 31; }), {"n_layers must be 0 to 30", "31"}));
  EXPECT_TRUE(says(message([](ModelShape& s) { s.n_controls = -2; }), {"controls", "-2"}));
  EXPECT_TRUE(says(message([](ModelShape& s) { s.signal_groups = {}; }), {"at least one signal"}));
  EXPECT_TRUE(says(message([](ModelShape& s) { s.signal_groups = {1, 0}; }), {"signal group", "0"}));
  EXPECT_TRUE(says(message([](ModelShape& s) { s.out_window = 2116; }), {"in_window (2114)", "out_window (2116)"}));
  EXPECT_TRUE(says(message([](ModelShape& s) { s.out_window = 999; }), {"must be even", "2114 - 999 = 1115"}));
  EXPECT_EQ(message([](ModelShape& s) { s.out_window = s.in_window; }), "");
  EXPECT_EQ(message([](ModelShape& s) { s.n_layers = 0; }), "");
  ModelShape none;
  none.n_filters = 0;
  EXPECT_THROW(ParameterTable{none}, InputError);
}

// ---- initial parameters ------------------------------------------------------------------------------------------------

TEST(InitialParameters, LossWeightsAreOneBiasesZeroWeightsNormal) {
  ModelShape shape;
  shape.signal_groups = {2, 1};
  shape.n_controls = 1;
  const ParameterTable table(shape);
  const auto values = initial_parameters(table, 3);
  for (const Parameter& p : table.parameters()) {
    double sum = 0, squares = 0;
    for (std::int64_t i = p.offset; i < p.offset + p.size; ++i) {
      const double value = static_cast<double>(values(static_cast<std::size_t>(i)));
      sum += value;
      squares += value * value;
    }
    const double n = static_cast<double>(p.size);
    if (p.name.starts_with("lw")) {
      EXPECT_EQ(sum, n) << p.name;
      EXPECT_EQ(squares, n) << p.name;
    } else if (p.name.ends_with(".bias")) {
      EXPECT_EQ(squares, 0) << p.name;
    } else {
      // Mean and variance of n normals spread by sqrt(1/n) and sqrt(2/n); four times that is exceeded once in 16000.
      EXPECT_NEAR(sum / n / 0.02, 0, 4 / std::sqrt(n)) << p.name;
      EXPECT_NEAR(squares / n / 0.0004, 1, 4 * std::sqrt(2 / n)) << p.name;
    }
  }
}

std::string digest_of(std::uint64_t seed) {
  const auto values = initial_parameters(ParameterTable(ModelShape()), seed);
  Sha256 digest;
  digest.update(values.data(), values.size() * sizeof(float));
  return digest.hex();
}

// The numbers themselves, on every backend and machine: gcc, clang and nvcc builds must all find them.
TEST(InitialParameters, AreTheseNumbers) {
  EXPECT_EQ(digest_of(0), "bcb25ce40b998a591885db429d47a3c37deb55ba37d3f1e7185ae86fe489b2ca");
  EXPECT_EQ(digest_of(0), digest_of(0));
  EXPECT_EQ(digest_of(20261122), "cf18beccd3aba0cf71d0b4a27d084a3bef8d044f3c16abd74c7ed891644c51cf");
}

}   // namespace
}   // namespace cheri::nn
