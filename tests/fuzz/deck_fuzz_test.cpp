// A thousand damaged decks of each language: every one is read, or ends in an InputError; nothing else may happen.
#include "cheri/base/check.hpp"
#include "cheri/train/deck.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>

namespace cheri::train {
namespace {

constexpr int n_decks = 1000;

constexpr const char* json = R"({"name": "x", "sequences": "g.fa", "loci": ["p.bed", "q.bed"], "negatives": "n.bed",
 "signals": ["a.bw", ["b.bw", "c.bw"]], "controls": null, "training_chroms": ["chr1"], "validation_chroms": ["chr2"],
 "test_chroms": null, "n_filters": 64, "loss_weights": [1, 2.5], "adam_lr": 3e-3, "random_state": null, "summits": true})";

std::string toml() {
  TrainConfig config;
  config.name = "a \"name\" with é\n";
  config.data.path = "/data/file.h5";
  config.training_chromosomes = {"chr1", "chr2"};
  config.validation_chromosomes = {"chr3"};
  config.loss_weights = {{1.0, 0.25}};
  config.import.emplace();
  config.import->sequences = "/data/genome.fa";
  config.import->peaks = {"/data/peaks.bed"};
  config.import->signals = track_sources({{"/data/plus.bw", "/data/minus.bw"}, {"/data/atac.bw"}}, {});
  return to_toml(config);
}

/// One of: an end cut off, a few flipped bits, a few bytes overwritten, a piece repeated.
std::string damage(std::string text, std::mt19937& random) {
  const auto below = [&](std::size_t n) { return random() % n; };
  switch (below(4)) {
    case 0: return text.substr(0, below(text.size()));
    case 1:
      for (std::size_t i = 0; i <= below(8); ++i) {
        text[below(text.size())] ^= static_cast<char>(1U << below(8));
      }
      return text;
    case 2:
      for (std::size_t i = 0; i <= below(8); ++i) text[below(text.size())] = static_cast<char>(below(256));
      return text;
    default: {
      const std::size_t at = below(text.size());
      const std::string piece = text.substr(at, below(200));
      for (std::size_t i = 0; i <= below(50); ++i) text.insert(at, piece);
      return text;
    }
  }
}

struct Counts {
  int read = 0, rejected = 0;
};

Counts read_damaged(const std::string& text, const std::string& name) {
  const auto path = std::filesystem::path(testing::TempDir()) / name;
  std::mt19937 random(20261122);
  Counts counts;
  for (int i = 0; i < n_decks; ++i) {
    std::ofstream(path, std::ios::binary) << damage(text, random);
    try {
      const Deck deck = read_deck(path.string(), {});
      const std::string resolved = to_toml(deck.config);
      EXPECT_EQ(to_toml(parse_config(resolved, "resolved")), resolved);
      ++counts.read;
    } catch (const InputError& error) {
      EXPECT_GT(std::string(error.what()).size(), name.size());
      ++counts.rejected;
    }
  }
  std::filesystem::remove(path);
  return counts;
}

// Most damage hits something; some of it (inside a name, a comment, a digit) leaves a good deck.
TEST(DeckFuzz, DamagedTomlIsReadOrRejected) {
  const Counts counts = read_damaged(toml(), "fuzz.toml");
  EXPECT_GT(counts.rejected, n_decks / 2);
  EXPECT_GT(counts.read, 0);
}

TEST(DeckFuzz, DamagedJsonIsReadOrRejected) {
  const Counts counts = read_damaged(json, "fuzz.json");
  EXPECT_GT(counts.rejected, n_decks / 2);
  EXPECT_GT(counts.read, 0);
}

TEST(DeckFuzz, DeepNestingIsRejected) {
  const auto folder = std::filesystem::path(testing::TempDir());
  for (const char* name : {"deep.toml", "deep.json"}) {
    std::ofstream(folder / name) << "a = " << std::string(200000, '[');
    EXPECT_THROW(read_deck((folder / name).string(), {}), InputError) << name;
    std::ofstream(folder / name) << "{\"name\": " << std::string(100000, '[') << std::string(100000, ']') << "}";
    EXPECT_THROW(read_deck((folder / name).string(), {}), InputError) << name;
    std::filesystem::remove(folder / name);
  }
}

}   // namespace
}   // namespace cheri::train
