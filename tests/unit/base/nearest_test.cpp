#include "cheri/base/nearest.hpp"

#include <gtest/gtest.h>

namespace cheri {
namespace {

const std::vector<std::string> keys = {"n_filters", "n_layers", "expansion", "batch_size"};

TEST(NearestWord, UndoesATypingError) {
  EXPECT_EQ(nearest_word("n_filter", keys), "n_filters");      // a letter lost
  EXPECT_EQ(nearest_word("n_laayers", keys), "n_layers");      // a letter too many
  EXPECT_EQ(nearest_word("expantion", keys), "expansion");     // another letter
  EXPECT_EQ(nearest_word("bacth_size", keys), "batch_size");   // two in the wrong order
  EXPECT_EQ(nearest_word("batch_size", keys), "batch_size");
}

TEST(NearestWord, CountsEditsNotLettersInPlace) {
  // One letter put in front moves all others: one edit from "abcdef", six from "zabcxx".
  EXPECT_EQ(nearest_word("xabcdef", {"zzzzzzz", "abcdef"}), "abcdef");
  // kitten -> sitting has the distance 3, kitten -> mitt 3 as well: the first of equals.
  EXPECT_EQ(nearest_word("kitten", {"sitting", "mitt"}), "sitting");
  EXPECT_EQ(nearest_word("kitten", {"mitt", "sitting"}), "mitt");
}

TEST(NearestWord, TakesEmptyWordsAndLists) {
  EXPECT_EQ(nearest_word("x", {}), "");
  EXPECT_EQ(nearest_word("", {"abc", "de"}), "de");
  EXPECT_EQ(nearest_word("abc", {""}), "");
}

TEST(JoinWords, ReadsLikeAList) {
  EXPECT_EQ(join_words({}), "");
  EXPECT_EQ(join_words({"a"}), "a");
  EXPECT_EQ(join_words({"a", "b"}), "a and b");
  EXPECT_EQ(join_words({"a", "b", "c"}), "a, b and c");
}

}   // namespace
}   // namespace cheri
