#include "cheri/data/loci.hpp"

#include <gtest/gtest.h>

namespace cheri::data {
namespace {

TEST(LocusTest, TheCentreIsTheMiddleOrTheSummit) {
  EXPECT_EQ((Locus{0, 100, 200, -1}.centre(false)), 150);
  EXPECT_EQ((Locus{0, 100, 201, -1}.centre(false)), 150);   // rounded down
  EXPECT_EQ((Locus{0, 5, 6, -1}.centre(false)), 5);
  EXPECT_EQ((Locus{0, 100, 200, 7}.centre(true)), 107);
  EXPECT_EQ((Locus{0, 100, 200, 0}.centre(true)), 100);
  EXPECT_EQ((Locus{0, 100, 200, 7}.centre(false)), 150);
  EXPECT_EQ((Locus{0, 100, 200, -1}.centre(true)), 150);   // it has none
  EXPECT_EQ((Locus{0, 3'000'000'000, 3'000'000'100, -1}.centre(false)), 3'000'000'050);
}

// [centre - w/2, centre + w - w/2) and the jitter on either side, up to the very ends.
TEST(WindowsTest, FitUpToTheEnds) {
  const Windows even{10, 4, 0}, odd{11, 4, 0}, wide_out{4, 10, 0};
  for (const Windows& windows : {even, odd, wide_out}) {
    EXPECT_TRUE(windows.fit(5, 0, 100));
    EXPECT_FALSE(windows.fit(4, 0, 100));
  }
  EXPECT_TRUE(even.fit(95, 0, 100));
  EXPECT_FALSE(even.fit(96, 0, 100));
  EXPECT_TRUE(odd.fit(94, 0, 100));
  EXPECT_FALSE(odd.fit(95, 0, 100));
  EXPECT_TRUE(even.fit(8, 3, 100));
  EXPECT_FALSE(even.fit(7, 3, 100));
  EXPECT_TRUE(even.fit(92, 3, 100));
  EXPECT_FALSE(even.fit(93, 3, 100));
  EXPECT_TRUE(even.fit(5, 0, 10));
  EXPECT_FALSE(even.fit(5, 0, 9));
}

}   // namespace
}   // namespace cheri::data
