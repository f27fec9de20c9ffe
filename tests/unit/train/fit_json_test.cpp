// The public package's `fit` JSON, as it stands.
#include "cheri/train/deck.hpp"

#include "cheri/base/check.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include <unistd.h>

namespace cheri::train {
namespace {

namespace fs = std::filesystem;

// With every key that the public package knows, some at other values than its defaults.
constexpr const char* full_fit = R"({
  "name": "ctcf",
  "sequences": "hg38.fa.gz", "loci": ["a.narrowPeak", "b.bed.gz"], "negatives": "negatives.bed",
  "signals": ["atac.bw", ["ctcf.+.bw", "ctcf.-.bw"]], "controls": [["input.+.bw", "input.-.bw"]],
  "exclusion_lists": ["blacklist.bed"],
  "training_chroms": ["chr2", "chr4"], "validation_chroms": ["chr8"], "test_chroms": ["chr1"],
  "n_filters": 64, "n_layers": 8, "expansion": 3, "residual_scale": 0.2, "batch_size": 32,
  "in_window": 1024, "out_window": 512, "max_jitter": 100, "reverse_complement": false, "summits": true,
  "max_epochs": 5, "min_total_steps": null, "loss_weights": [1, 2.5], "muon_lr": 0.01, "muon_wd": 0.02,
  "adam_lr": 0.003, "adam_wd": 0.004, "lw_lr": 0.005, "lw_wd": 0.006, "lw_momentum": 0.7, "n_warmup_epochs": 3,
  "negative_ratio": 0.5, "dtype": "bfloat16", "random_state": 11, "early_stopping": 4, "verbose": true,
  "device": "cuda", "devices": 2, "compile": true, "compile_mode": "max-autotune", "num_workers": 1,
  "num_threads": 4, "skip": false
})";

constexpr const char* smallest_fit =
    R"({"name": "x", "sequences": "g.fa", "loci": "p.bed", "negatives": null, "signals": ["s.bw"]})";

class FitJsonTest : public testing::Test {
 protected:
  void TearDown() override { fs::remove(m_path); }

  Deck read(const std::string& text, const std::vector<std::string>& overrides = {}) const {
    std::ofstream(m_path) << text;
    return read_deck(m_path, overrides);
  }

  std::string error_of(const std::string& text) const {
    try {
      read(text);
    } catch (const InputError& error) {
      return error.what();
    }
    return "no error";
  }

  std::string m_path = (fs::path(testing::TempDir()) / ("fit_" + std::to_string(::getpid()) + ".json")).string();
};

bool has_note(const Deck& deck, const std::string& part) {
  return std::any_of(deck.notes.begin(), deck.notes.end(),
                     [&](const std::string& note) { return note.find(part) != std::string::npos; });
}

std::string here(const std::string& path) { return (fs::current_path() / path).string(); }

TEST_F(FitJsonTest, EveryKeyLandsInItsMember) {
  const TrainConfig config = read(full_fit).config;
  EXPECT_EQ(config.name, "ctcf");
  EXPECT_EQ(config.training_chromosomes, (std::vector<std::string>{"chr2", "chr4"}));
  EXPECT_EQ(config.validation_chromosomes, std::vector<std::string>{"chr8"});
  EXPECT_EQ(config.test_chromosomes, std::vector<std::string>{"chr1"});
  EXPECT_EQ(config.model.n_filters, 64);
  EXPECT_EQ(config.model.n_layers, 8);
  EXPECT_EQ(config.model.expansion, 3);
  EXPECT_EQ(config.model.residual_scale, 0.2);
  EXPECT_EQ(config.batch_size, 32);
  EXPECT_EQ(config.data.windows.in_window, 1024);
  EXPECT_EQ(config.data.windows.out_window, 512);
  EXPECT_EQ(config.data.windows.max_jitter, 100);
  EXPECT_FALSE(config.reverse_complement);
  EXPECT_TRUE(config.data.summits);
  EXPECT_EQ(config.max_epochs, 5);
  EXPECT_EQ(config.min_total_steps, 0);
  EXPECT_EQ(*config.loss_weights, (std::array{1.0, 2.5}));
  EXPECT_EQ(config.optimiser.muon_lr, 0.01);
  EXPECT_EQ(config.optimiser.muon_weight_decay, 0.02);
  EXPECT_EQ(config.optimiser.adam_lr, 0.003);
  EXPECT_EQ(config.optimiser.adam_weight_decay, 0.004);
  EXPECT_EQ(config.optimiser.lw_lr, 0.005);
  EXPECT_EQ(config.optimiser.lw_weight_decay, 0.006);
  EXPECT_EQ(config.optimiser.lw_momentum, 0.7);
  EXPECT_EQ(config.optimiser.warmup_epochs, 3);
  EXPECT_EQ(config.negative_ratio, 0.5);
  EXPECT_EQ(config.seed, 11U);
  EXPECT_EQ(config.early_stopping, 4);
}

TEST_F(FitJsonTest, ItsFilesBecomeAnImportOfTheRunsOwnTracksFile) {
  const TrainConfig config = read(full_fit).config;
  EXPECT_EQ(config.data.path, here("ctcf.tracks.h5"));
  ASSERT_TRUE(config.import.has_value());
  const data::ImportSpec& import = *config.import;
  EXPECT_EQ(import.out_path, config.data.path);
  EXPECT_EQ(import.sequences, here("hg38.fa.gz"));
  EXPECT_EQ(import.peaks, (std::vector<std::string>{here("a.narrowPeak"), here("b.bed.gz")}));
  EXPECT_EQ(import.negatives, std::vector<std::string>{here("negatives.bed")});
  EXPECT_EQ(import.exclusions, std::vector<std::string>{here("blacklist.bed")});
  EXPECT_EQ(import.chromosomes, (std::vector<std::string>{"chr2", "chr4", "chr8", "chr1"}));
  EXPECT_EQ(track_files(import.signals, false), (TrackFiles{{here("atac.bw")}, {here("ctcf.+.bw"), here("ctcf.-.bw")}}));
  EXPECT_EQ(track_files(import.signals, true), (TrackFiles{{here("input.+.bw"), here("input.-.bw")}}));
}

TEST_F(FitJsonTest, DefaultsAreThoseOfThePublicPackage) {
  const Deck deck = read(smallest_fit);
  const TrainConfig& config = deck.config;
  EXPECT_EQ(config.training_chromosomes.size(), 19U);
  EXPECT_EQ(config.validation_chromosomes, (std::vector<std::string>{"chr8", "chr20"}));
  EXPECT_EQ(config.test_chromosomes, (std::vector<std::string>{"chr1", "chr3", "chr6"}));
  EXPECT_EQ(config.model.n_filters, 128);
  EXPECT_EQ(config.min_total_steps, 20000);
  EXPECT_EQ(config.data.windows.max_jitter, 500);
  EXPECT_TRUE(config.reverse_complement);
}

TEST_F(FitJsonTest, NullNegativesMeanNone) {
  const TrainConfig config = read(smallest_fit).config;
  EXPECT_EQ(config.data.negatives, "");
  EXPECT_TRUE(config.import->negatives.empty());
  EXPECT_EQ(config.import->negatives_per_peak, 0);
}

TEST_F(FitJsonTest, WhatHasNoMeaningHereIsSaid) {
  const Deck deck = read(full_fit);
  for (const char* key : {"verbose", "device", "devices", "compile", "compile_mode", "num_workers", "num_threads", "skip"}) {
    EXPECT_TRUE(has_note(deck, std::string(": ") + key + " has no meaning here")) << key;
  }
  EXPECT_EQ(deck.config.precision, "bf16");
  EXPECT_TRUE(has_note(deck, "current folder"));
}

TEST_F(FitJsonTest, OverridesUseTheNamesOfOurDecks) {
  EXPECT_EQ(read(full_fit, {"training.batch_size=16"}).config.batch_size, 16);
  EXPECT_THROW(read(full_fit, {"muon_wd=0.1"}), InputError);
}

TEST_F(FitJsonTest, ResolvedTextReadsBackAsTheSameText) {
  const std::string text = to_toml(read(full_fit).config);
  EXPECT_EQ(to_toml(parse_config(text, "the text")), text);
}

struct BadFit {
  const char* name;
  std::string from, to;   // replaced in full_fit
  std::string message;
};

class BadFitTest : public FitJsonTest, public testing::WithParamInterface<BadFit> {};

TEST_P(BadFitTest, IsRejectedWithAMessage) {
  std::string text = full_fit;
  const auto at = text.find(GetParam().from);
  ASSERT_NE(at, std::string::npos);
  text.replace(at, GetParam().from.size(), GetParam().to);
  const std::string error = error_of(text);
  EXPECT_NE(error.find(GetParam().message), std::string::npos) << error;
}

INSTANTIATE_TEST_SUITE_P(
    All, BadFitTest,
    testing::Values(
        BadFit{"unknown_key", "\"n_filters\"", "\"n_filter\"", "unknown key \"n_filter\"; did you mean \"n_filters\"?"},
        BadFit{"empty_key", "\"n_filters\"", "\"\"", "unknown key \"\""},
        BadFit{"missing_key", "\"name\": \"ctcf\",", "", "\"name\" is missing"},
        BadFit{"wrong_type", "\"n_layers\": 8", "\"n_layers\": \"8\"", ".json:7: n_layers is \"8\" (a string)"},
        BadFit{"negative", "\"batch_size\": 32", "\"batch_size\": -32", "batch_size is -32"},
        BadFit{"overflow", "\"random_state\": 11", "\"random_state\": 18446744073709551615",
               "random_state is 18446744073709551616.0 (a number)"},
        BadFit{"huge", "\"adam_lr\": 0.003", "\"adam_lr\": 1e999", "1e999"},
        BadFit{"not_a_number", "\"adam_lr\": 0.003", "\"adam_lr\": NaN", "line"},
        BadFit{"null_size", "\"n_filters\": 64", "\"n_filters\": null", "n_filters is null"},
        BadFit{"object", "\"signals\": [\"atac.bw\"", "\"signals\": [{\"a\": 1}", "signals: an object cannot stand here"},
        BadFit{"deep", "\"signals\": [\"atac.bw\"", "\"signals\": [[[[\"atac.bw\"]]]", "nested too deep"},
        BadFit{"type_name", "\"bfloat16\"", "\"float64\"",
               "dtype is \"float64\" (a string), and must be float32 or bfloat16"},
        BadFit{"overlap", "\"test_chroms\": [\"chr1\"]", "\"test_chroms\": [\"chr4\"]", "chr4 stands in"},
        BadFit{"no_signals", "\"signals\": [\"atac.bw\", [\"ctcf.+.bw\", \"ctcf.-.bw\"]]", "\"signals\": []",
               "import.signals is empty"},
        BadFit{"truncated", "\"skip\": false\n}", "\"skip\": fal", "line"}),
    [](const auto& test) { return std::string(test.param.name); });

TEST_F(FitJsonTest, OnlyAnObjectIsADeck) {
  EXPECT_NE(error_of("[1, 2]").find("is one object"), std::string::npos);
  EXPECT_NE(error_of("").find("line 1"), std::string::npos);
  EXPECT_NE(error_of(std::string(100000, '[')).find(".json"), std::string::npos);
}

}   // namespace
}   // namespace cheri::train
