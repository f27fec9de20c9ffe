// Records that are read ahead: each in its slot, none before its slot is free, errors where they belong.
#include "data/record_stream.hpp"
#include "cheri/base/check.hpp"
#include "cheri/data/feed.hpp"
#include "support/messages.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <numeric>
#include <thread>

namespace cheri::data {
namespace {

using cheri::testing::message_of;

constexpr std::int64_t slots = 20;

/// Records of one code and one signal: the number of the record; some cannot be read, all take their time.
class Numbers : public RecordSource {
 public:
  void read(std::span<const std::int64_t> records, const RecordMemory& to) const override {
    std::this_thread::sleep_for(std::chrono::microseconds(50 * (records.front() % 3)));
    for (std::size_t i = 0; i < records.size(); ++i) {
      CHERI_REQUIRE_INPUT(records[i] != bad && records[i] != worse, "record " << records[i] << " is bad");
      to.codes[i] = static_cast<Code>(records[i] % 5);
      to.signal[i] = static_cast<std::byte>(records[i]);
    }
    n_read += static_cast<std::int64_t>(records.size());
  }

  std::atomic<std::int64_t> bad{-1}, worse{-1};   // records that cannot be read
  mutable std::atomic<std::int64_t> n_read{0};
};

class RecordStreamTest : public ::testing::Test {
 protected:
  void expect_slots(std::int64_t begin, std::int64_t end, const std::vector<std::int64_t>& records, std::int64_t first = 0) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t record = records[static_cast<std::size_t>(i - first)];
      const auto slot = static_cast<std::size_t>(i % slots);
      ASSERT_EQ(signal[slot], static_cast<std::byte>(record)) << i;
      ASSERT_EQ(codes[slot], record % 5) << i;
    }
  }

  static std::vector<std::int64_t> numbers(std::int64_t n) {
    std::vector<std::int64_t> all(static_cast<std::size_t>(n));
    std::iota(all.begin(), all.end(), 0);
    for (std::int64_t& number : all) number = number * 7 % 200;
    return all;
  }

  std::vector<Code> codes = std::vector<Code>(slots);
  std::vector<std::byte> signal = std::vector<std::byte>(slots);
  const RecordLayout layout{1, 1, 1, 0, ElementType::u8, ElementType::u8};
  std::shared_ptr<Numbers> source = std::make_shared<Numbers>();
  RecordStream stream{source, layout, {codes.data(), signal.data(), nullptr}, slots};
};

TEST_F(RecordStreamTest, EachIsInItsSlot) {
  const auto records = numbers(200);
  stream.request(records);
  for (std::int64_t begin = 0; begin < 200; begin += 5) {
    stream.await(begin + 5);
    expect_slots(begin, begin + 5, records);
    stream.release(begin + 5);
  }
  EXPECT_EQ(source->n_read, 200);
}

TEST_F(RecordStreamTest, NoneIsReadBeforeItsSlotIsFree) {
  const auto records = numbers(100);
  stream.request(records);
  stream.await(slots);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(source->n_read, slots);
  expect_slots(0, slots, records);
  stream.release(3);
  stream.await(slots + 3);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(source->n_read, slots + 3);
  expect_slots(3, slots + 3, records);
}

TEST_F(RecordStreamTest, AnErrorIsToldWhereItsRecordIsNeeded) {
  source->bad = numbers(100)[15];
  source->worse = numbers(100)[18];
  stream.request(numbers(100));
  stream.await(8);   // parts are of eight
  EXPECT_EQ(message_of<InputError>([&] { stream.await(18); }), "record " + std::to_string(source->bad) + " is bad");
  EXPECT_EQ(message_of<InputError>([&] { stream.await(20); }), "record " + std::to_string(source->bad) + " is bad");
}

TEST_F(RecordStreamTest, BeginsAnewFromAnyNumber) {
  source->bad = 0;
  stream.request(numbers(100));
  EXPECT_NE(message_of<InputError>([&] { stream.await(1); }), "");
  source->bad = -1;
  for (const std::int64_t first : {33, 0, 17}) {
    const auto records = numbers(60);
    stream.restart(first);
    stream.request(records);
    stream.await(first + 10);
    expect_slots(first, first + 10, records, first);
  }
}

TEST_F(RecordStreamTest, WhatWasNotRequestedIsNotAwaited) {
  stream.request(numbers(5));
  EXPECT_THROW(stream.await(6), Error);
  stream.request(numbers(30));
  EXPECT_THROW(stream.await(slots + 1), Error);   // nothing is released
}

TEST(RingSlots, AreNoMoreThanRecordsOrMemory) {
  const auto slots_of = [](std::int64_t records, int positions, std::int64_t batch) {
    Examples examples;
    examples.index.n_peaks = records;
    examples.layout = {positions, positions, 1, 0, ElementType::u8, ElementType::u8};   // 2 bytes a position
    return ring_slots(examples, batch, 8);
  };
  EXPECT_EQ(slots_of(10'000, 1'000, 64), 8 * 64);
  EXPECT_EQ(slots_of(300, 1'000, 64), 300);
  EXPECT_EQ(slots_of(10, 1'000, 64), 64);                    // a batch of few records drawn often
  EXPECT_EQ(slots_of(100'000, 100'000, 2'000), 2 * 2'000);   // 400 MB a batch
  EXPECT_EQ(slots_of(100'000, 1'000'000, 2'000), 2 * 2'000);
  EXPECT_EQ(slots_of(100'000, 50'000, 2'000), 5 * 2'000);   // 1 GB
  EXPECT_EQ(slots_of(0, 1'000, 64), 64);
}

}   // namespace
}   // namespace cheri::data
