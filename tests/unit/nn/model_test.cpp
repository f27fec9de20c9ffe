// What a model refuses, and that inference and training predict the same.
#include "support/messages.hpp"
#include "support/model_case.hpp"
#include "support/spaces.hpp"

namespace cheri::nn {
namespace {

using cheri::testing::message_of;
using cheri::testing::ModelCase;
using cheri::testing::says;
using cheri::testing::small_shape;
using cheri::testing::values;

ModelShape shape() { return small_shape(5, 3, {2}, 1, 40, 20); }

template <class Exec>
class ModelTest : public ::testing::Test {};
TYPED_TEST_SUITE(ModelTest, cheri::testing::Spaces);

// In inference two buffers take turns, for an even and an odd number of blocks, or none.
TYPED_TEST(ModelTest, InferencePredictsTheSameBits) {
  for (const int layers : {0, 1, 2, 3}) {
    const ModelShape s = small_shape(5, layers, {2}, 1, 40, 20);
    ModelCase<float, TypeParam> training(s, 3, 1);
    training.forward();
    const auto logits = values(training.output.logits_NTW), log_counts = values(training.output.log_counts_NG);
    Model<float, TypeParam> inference(s, 4, 1, Model<float, TypeParam>::Mode::inference);
    EXPECT_LT(inference.bytes(), training.model.bytes());
    inference.load(training.exec, training.parameters);
    Kokkos::deep_copy(training.output.logits_NTW, 0.0f);
    inference.forward(training.exec, training.output, {training.codes, training.control});
    training.exec.fence("test");
    EXPECT_EQ(values(training.output.logits_NTW), logits) << layers;
    EXPECT_EQ(values(training.output.log_counts_NG), log_counts) << layers;
  }
}

TYPED_TEST(ModelTest, WhatDoesNotFitIsRefused) {
  using Net = Model<float, TypeParam>;
  ModelCase<float, TypeParam> c(shape(), 4, 2);
  EXPECT_TRUE(says(message_of<Error>([] { Net(shape(), 5, 2, Net::Mode::training); }), {"capacity 5", "slices of 2"}));
  EXPECT_THROW(Net(shape(), 0, 1, Net::Mode::inference), Error);
  EXPECT_THROW(Net(shape(), 1, 0, Net::Mode::inference), Error);

  const View<float*, TypeParam> few("few", c.parameters.extent(0) - 1);
  EXPECT_TRUE(says(message_of<Error>([&] { c.model.load(c.exec, few); }), {std::to_string(c.parameters.extent(0))}));

  const View<Code**, TypeParam> many("many", 5, 40), narrow("narrow", 4, 39), odd("odd", 3, 40);
  EXPECT_TRUE(says(message_of<Error>([&] {
                     c.model.forward(c.exec, c.output, {many, c.control});
                   }),
                   {"5 examples", "capacity 4"}));
  EXPECT_TRUE(says(message_of<Error>([&] {
                     c.model.forward(c.exec, c.output, {narrow, c.control});
                   }),
                   {"39 bp", "in_window = 40"}));
  EXPECT_TRUE(says(message_of<Error>([&] {
                     c.model.backward(c.exec, c.rows, c.output, {odd, c.control});
                   }),
                   {"3 examples", "slices of 2"}));

  Net inference(shape(), 4, 1, Net::Mode::inference);
  EXPECT_TRUE(says(message_of<Error>([&] {
                     inference.backward(c.exec, c.rows, c.output, {c.codes, c.control});
                   }),
                   {"inference"}));
}

// lw0 and lw1 are the loss's.
TYPED_TEST(ModelTest, TheBackwardLeavesTheLossWeightsAlone) {
  ModelCase<float, TypeParam> c(shape(), 4, 2);
  c.forward();
  Kokkos::deep_copy(c.rows, 7.0f);
  c.model.backward(c.exec, c.rows, c.output, {c.codes, c.control});
  c.exec.fence("test");
  const auto rows = values(c.rows);
  const std::size_t row = c.rows.extent(1), parameters = row - 2;
  for (std::size_t s = 0; s < 2; ++s) {
    for (std::size_t i = 0; i < row; ++i) {
      const bool is_the_losses = i < 2 || i >= parameters;
      EXPECT_EQ(rows[s * row + i] == 7, is_the_losses) << "slice " << s << " parameter " << i;
    }
  }
}

}   // namespace
}   // namespace cheri::nn
