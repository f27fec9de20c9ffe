// A thousand truncated and a thousand bit-flipped checkpoints: every one is refused, since a checksum covers the whole file.
#include "cheri/base/check.hpp"
#include "cheri/train/checkpoint.hpp"
#include "support/mutate.hpp"
#include "support/scratch.hpp"
#include "support/small_checkpoint.hpp"

#include <gtest/gtest.h>

namespace cheri::train {
namespace {

using cheri::testing::bit_flipped;
using cheri::testing::read_bytes;
using cheri::testing::ScratchFolder;
using cheri::testing::small_checkpoint;
using cheri::testing::truncated;
using cheri::testing::write_bytes;

TEST(CheckpointFuzz, DamageIsRefused) {
  const ScratchFolder folder;
  const std::string path = folder.file("a.h5"), damaged = folder.file("b.h5");
  write_checkpoint(path, small_checkpoint());
  const auto whole = read_bytes(path);
  NumpyRandom random(1);
  for (int i = 0; i < 1000; ++i) {
    write_bytes(damaged, truncated(whole, random));
    EXPECT_THROW(read_checkpoint(damaged), InputError) << "truncated " << i;
  }
  for (int i = 0; i < 1000; ++i) {
    const auto bytes = bit_flipped(whole, 1 + i % 4, random);
    if (bytes == whole) continue;   // two flips of one bit
    write_bytes(damaged, bytes);
    try {
      EXPECT_EQ(read_checkpoint(damaged), small_checkpoint()) << "flipped " << i;
      ADD_FAILURE() << "a flipped bit was not noticed: " << i;
    } catch (const InputError&) {
    }
  }
}

}   // namespace
}   // namespace cheri::train
