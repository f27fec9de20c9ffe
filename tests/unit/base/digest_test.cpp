// SHA-256 against the vectors of FIPS 180-2 (appendix B) and NIST's of whole bytes, and against itself in pieces.
#include "cheri/base/digest.hpp"
#include "cheri/base/check.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

namespace cheri {
namespace {

std::string sha256(const std::string& text) {
  Sha256 digest;
  digest.update(text);
  return digest.hex();
}

TEST(Sha256Test, KnownVectors) {
  EXPECT_EQ(sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(sha256(std::string(1000000, 'a')), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  EXPECT_EQ(sha256("\xbd"), "68325720aabd7c82f30f554b313d0570c95accbb7dc4b5aae11204c08ffe732b");
}

// The padding takes one block or two: lengths around 56 and 64, which hashlib gave.
TEST(Sha256Test, LengthsAroundABlock) {
  EXPECT_EQ(sha256(std::string(55, 'x')), "d5e285683cd4efc02d021a5c62014694958901005d6f71e89e0989fac77e4072");
  EXPECT_EQ(sha256(std::string(56, 'x')), "04c26261370ee7541549d16dee320c723e3fd14671e66a099afe0a377c16888e");
  EXPECT_EQ(sha256(std::string(63, 'x')), "75220b47218278e656f2013bb8f0c455a25eaf01e86c64924e9d48d89776d6f2");
  EXPECT_EQ(sha256(std::string(64, 'x')), "7ce100971f64e7001e8fe5a51973ecdfe1ced42befe7ee8d5fd6219506b5393c");
  EXPECT_EQ(sha256(std::string(65, 'x')), "9537c5fdf120482f7d58d25e9ed583f52c02b4e304ea814db1633ad565aed7e9");
}

TEST(Sha256Test, PiecesMakeTheWhole) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += static_cast<char>(i * 37 % 251);
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{63}, std::size_t{64}, std::size_t{65}}) {
    Sha256 digest;
    for (std::size_t at = 0; at < text.size(); at += piece)
      digest.update(text.data() + at, std::min(piece, text.size() - at));
    EXPECT_EQ(digest.hex(), sha256(text)) << piece;
  }
}

TEST(Sha256Test, OneBitChangesIt) { EXPECT_NE(sha256(std::string(100, 'a')), sha256(std::string(99, 'a') + 'b')); }

TEST(Sha256Test, EndsOnce) {
  Sha256 digest;
  static_cast<void>(digest.hex());
  EXPECT_THROW(digest.update("more"), Error);
  EXPECT_THROW(digest.hex(), Error);
}

TEST(Sha256Test, MovesWithItsState) {
  Sha256 digest;
  digest.update("a");
  Sha256 moved = std::move(digest);
  moved.update("bc");
  EXPECT_EQ(moved.hex(), sha256("abc"));
}

}   // namespace
}   // namespace cheri
