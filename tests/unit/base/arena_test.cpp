// The measuring pass and the real one, alignment, and what happens when an arena is too small.
#include "cheri/base/arena.hpp"
#include "support/messages.hpp"
#include "support/spaces.hpp"

#include <cstdint>
#include <utility>
#include <vector>

namespace cheri {
namespace {

using cheri::testing::message_of;
using cheri::testing::says;

/// Views of several types and ranks, one of them empty; where they begin and end.
template <class Exec>
std::vector<std::pair<const std::byte*, const std::byte*>> lay_out(Arena<Exec>& arena) {
  std::vector<std::pair<const std::byte*, const std::byte*>> ranges;
  const auto add = [&](const auto& view) {
    const auto* begin = reinterpret_cast<const std::byte*>(view.data());
    ranges.emplace_back(begin, begin + view.span() * sizeof(typename std::decay_t<decltype(view)>::value_type));
  };
  add(arena.template take<View<float*, Exec>>("a", 3));
  add(arena.template take<View<double***, Exec>>("b", 2, 3, 5));
  add(arena.template take<View<std::uint8_t**, Exec>>("c", 7, 1));
  add(arena.template take<View<float**, Exec>>("empty", 0, 9));
  add(arena.template take<View<std::int64_t*, Exec>>("d", 100));
  return ranges;
}

template <class Exec>
class ArenaTest : public ::testing::Test {};
TYPED_TEST_SUITE(ArenaTest, cheri::testing::Spaces);

TYPED_TEST(ArenaTest, MeasuresWhatItNeeds) {
  Arena<TypeParam> measure;
  for (const auto& range : lay_out(measure)) EXPECT_EQ(range.first, nullptr);
  EXPECT_GE(measure.bytes(), 3 * 4 + 30 * 8 + 7 + 100 * 8u);
  Arena<TypeParam> arena("test", measure.bytes());
  EXPECT_EQ(arena.bytes(), 0u);
  lay_out(arena);
  EXPECT_EQ(arena.bytes(), measure.bytes());
}

TYPED_TEST(ArenaTest, ViewsAreAlignedAndApart) {
  Arena<TypeParam> measure;
  lay_out(measure);
  // Several arenas, so that the alignment is not an accident of one allocation.
  std::vector<Arena<TypeParam>> arenas;
  for (int i = 0; i < 8; ++i) {
    arenas.emplace_back("test", measure.bytes() + static_cast<std::size_t>(i) * 40);
    const std::byte* former_end = nullptr;
    for (const auto& [begin, end] : lay_out(arenas.back())) {
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(begin) % 256, 0u);
      EXPECT_GE(begin, former_end);
      former_end = end;
    }
  }
}

TYPED_TEST(ArenaTest, ViewsKeepTheirExtentsAndHoldTheirValues) {
  Arena<TypeParam> arena("test", 4096);
  const auto a = arena.template take<View<float**, TypeParam>>("a", 5, 7);
  const auto b = arena.template take<View<float*, TypeParam>>("b", 11);
  EXPECT_EQ(a.extent(0), 5u);
  EXPECT_EQ(a.extent(1), 7u);
  Kokkos::deep_copy(a, 1.0f);
  Kokkos::deep_copy(b, 2.0f);
  const auto host = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), a);
  for (std::size_t i = 0; i < host.size(); ++i) EXPECT_EQ(host.data()[i], 1.0f);
}

TYPED_TEST(ArenaTest, TooSmallNamesTheViewAndBothSizes) {
  Arena<TypeParam> arena("test", 1000);
  arena.template take<View<float*, TypeParam>>("first", 100);
  const std::string message = message_of<Error>([&] { arena.template take<View<float*, TypeParam>>("second", 200); });
  EXPECT_TRUE(says(message, {"arena too small for second", "of 1000"}));
}

TYPED_TEST(ArenaTest, OneByteLessIsTooSmall) {
  Arena<TypeParam> measure;
  lay_out(measure);
  Arena<TypeParam> arena("test", measure.bytes() - 1);
  EXPECT_THROW(lay_out(arena), Error);
}

}   // namespace
}   // namespace cheri
