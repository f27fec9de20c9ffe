// The model of the exchange between ranks: found again from times that it made.
#include "cheri/train/scaling.hpp"

#include "cheri/base/check.hpp"

#include <gtest/gtest.h>

namespace cheri::train {
namespace {

std::vector<Exchange> times_of(const ExchangeModel& model, const std::vector<std::int64_t>& floats) {
  std::vector<Exchange> exchanges;
  for (const int ranks : {2, 4}) {
    for (const std::int64_t n : floats) {
      Exchange exchange{ranks, n, 0};
      exchange.milliseconds = 1e3 * model.seconds(exchange);
      exchanges.push_back(exchange);
    }
  }
  return exchanges;
}

TEST(ExchangeModel, CountsMessagesAndBytesOfARank) {
  const Exchange exchange{4, 1000, 0};
  EXPECT_EQ(exchange.messages(), 6);
  EXPECT_EQ(exchange.bytes(), 2 * 3 * 1000);   // three quarters of 4,000 bytes, twice
  EXPECT_DOUBLE_EQ((ExchangeModel{2e-6, 1e-6, 1e9}).seconds(exchange), 2e-6 + 6e-6 + 6e-6);
}

TEST(ExchangeModel, SumsInOneExchangeOrWithinNodesAndThenBetweenThem) {
  const ExchangeModel model{2e-6, 1e-6, 1e9, 4};
  EXPECT_DOUBLE_EQ(model.seconds_of_sum(4, 1000), model.seconds({4, 1000, 0}));
  EXPECT_DOUBLE_EQ(model.seconds_of_sum(8, 1000), model.seconds({4, 1000, 0}) + model.seconds({2, 250, 0}));
  EXPECT_DOUBLE_EQ(model.seconds_of_sum(6, 1000), model.seconds({6, 1000, 0}));   // nodes of 4 and 2: one exchange
  EXPECT_DOUBLE_EQ((ExchangeModel{2e-6, 1e-6, 1e9, 1}).seconds_of_sum(8, 1000), model.seconds({8, 1000, 0}));
}

TEST(ExchangeModel, IsFoundFromItsTimes) {
  const ExchangeModel model = fit(times_of({4e-5, 5e-6, 2e10}, {613892, 1000}), 5e-6);
  EXPECT_NEAR(model.start, 4e-5, 1e-9);
  EXPECT_EQ(model.latency, 5e-6);
  EXPECT_NEAR(model.bandwidth, 2e10, 1e6);
}

TEST(ExchangeModel, IsNeverNegative) {
  // Small exchanges in no time at all: no start.
  const ExchangeModel model = fit({{2, 1000000, 1}, {2, 1000, 0.0001}}, 0);
  EXPECT_EQ(model.start, 0);
  EXPECT_GT(model.bandwidth, 0);
  // Times that do not grow with the bytes: the start alone.
  const ExchangeModel slow = fit({{2, 1000000, 0.1}, {2, 1000, 0.2}}, 0);
  EXPECT_GT(slow.start, 0);
  EXPECT_GT(slow.bandwidth, 1e12);
  // Messages that take longer than the exchanges did.
  EXPECT_GE(fit({{2, 1000000, 0.1}, {2, 1000, 0.1}}, 1).start, 0);
}

TEST(ExchangeModel, NeedsTwoSizes) {
  EXPECT_THROW((void)fit({}, 0), InputError);
  EXPECT_THROW((void)fit({{2, 1000, 1}, {2, 1000, 1.1}}, 0), InputError);
}

}   // namespace
}   // namespace cheri::train
