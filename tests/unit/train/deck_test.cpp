// Decks: every rule of reading them, and every kind of mistake with the message it must give.
#include "cheri/train/deck.hpp"

#include "cheri/base/check.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <limits>

namespace cheri::train {
namespace {

namespace fs = std::filesystem;

constexpr const char* smallest_deck = R"(
[data]
file = "yeast.h5"
training_chromosomes = ["chrI", "chrII"]
validation_chromosomes = ["chrIII"]
)";

class DeckTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    m_folder = fs::path(testing::TempDir()) / (std::string("deck_test_") + test->name());
    fs::create_directories(m_folder);
  }
  void TearDown() override { fs::remove_all(m_folder); }

  std::string write(const std::string& text, const std::string& name = "deck.toml") const {
    std::ofstream(m_folder / name) << text;
    return (m_folder / name).string();
  }

  TrainConfig read(const std::string& text, const std::vector<std::string>& overrides = {}) const {
    return read_deck(write(text), overrides).config;
  }

  /// The message of the error that reading must end with.
  std::string error_of(const std::string& text, const std::vector<std::string>& overrides = {},
                       const std::string& name = "deck.toml") const {
    const std::string path = write(text, name);
    try {
      read_deck(path, overrides);
    } catch (const InputError& error) {
      return error.what();
    }
    return "no error";
  }

  fs::path m_folder;
};

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

#define EXPECT_CONTAINS(text, part) EXPECT_TRUE(contains(text, part)) << "\"" << part << "\" is not in: " << (text)

TEST_F(DeckTest, SmallestDeckTakesEveryDefault) {
  const TrainConfig config = read(smallest_deck);
  EXPECT_EQ(config.data.path, (m_folder / "yeast.h5").string());
  EXPECT_EQ(config.training_chromosomes, (std::vector<std::string>{"chrI", "chrII"}));
  EXPECT_EQ(config.directory, (fs::current_path() / "cherimoya").string());
  EXPECT_EQ(config.model.n_filters, 128);
  EXPECT_EQ(config.model.in_window, 2114);
  EXPECT_EQ(config.gradient_slices, 8);
  EXPECT_EQ(config.min_total_steps, 20000);
  EXPECT_FALSE(config.loss_weights.has_value());
  EXPECT_FALSE(config.import.has_value());
}

TEST_F(DeckTest, WindowsOfTheDataAreTheModels) {
  const TrainConfig config = read(smallest_deck, {"data.in_window=600", "data.out_window=200"});
  EXPECT_EQ(config.model.in_window, 600);
  EXPECT_EQ(config.model.out_window, 200);
}

TEST_F(DeckTest, OverridesTakeTomlValuesAndBareWords) {
  const TrainConfig config =
      read(smallest_deck,
           {"name=reb1", "seed = 7", "data.summits=true", "optimiser.adam_lr=2e-3", "training.loss_weights=[1, 0.5]",
            "data.test_chromosomes=[\"chrIV\", \"chrV\"]", "data.validation_chromosomes=chrVI", "data.negatives="});
  EXPECT_EQ(config.name, "reb1");
  EXPECT_EQ(config.seed, 7U);
  EXPECT_TRUE(config.data.summits);
  EXPECT_EQ(config.optimiser.adam_lr, 0.002);
  EXPECT_EQ(*config.loss_weights, (std::array{1.0, 0.5}));
  EXPECT_EQ(config.test_chromosomes, (std::vector<std::string>{"chrIV", "chrV"}));
  EXPECT_EQ(config.validation_chromosomes, std::vector<std::string>{"chrVI"});
  EXPECT_EQ(config.data.negatives, "");
}

TEST_F(DeckTest, ABareWordMayLookLikeADate) { EXPECT_EQ(read(smallest_deck, {"name=2024-01-02"}).name, "2024-01-02"); }

TEST_F(DeckTest, PathsOfTheDeckAreTakenFromItsFolderAndThoseOfOverridesFromTheCurrentOne) {
  EXPECT_EQ(read(std::string("directory = \"../runs/a\"\n") + smallest_deck).directory,
            (m_folder.parent_path() / "runs/a").string());
  EXPECT_EQ(read(smallest_deck, {"data.file=other.h5"}).data.path, (fs::current_path() / "other.h5").string());
  EXPECT_EQ(read(smallest_deck, {"data.file=/data/other.h5"}).data.path, "/data/other.h5");
}

TEST_F(DeckTest, SignalsAreFilesOrGroupsOfFiles) {
  const TrainConfig config =
      read(smallest_deck, {"import.controls=[\"/c/input.bw\"]", "import.sequences=/g.fa", "import.peaks=/p.bed",
                           "import.signals=[\"/a/atac.bw\", [\"/b/x.plus.bw\", \"/b/x.minus.bw\"]]"});
  ASSERT_TRUE(config.import.has_value());
  const auto& sources = config.import->signals;
  ASSERT_EQ(sources.size(), 4U);
  EXPECT_EQ(sources[0].path, "/a/atac.bw");
  EXPECT_EQ(sources[0].track.name, "atac");
  EXPECT_EQ(sources[0].track.strand, ".");
  EXPECT_EQ(sources[1].track.group, 1);
  EXPECT_EQ(sources[2].track.group, 1);
  EXPECT_EQ(sources[1].track.strand, "+");
  EXPECT_EQ(sources[2].track.strand, "-");
  EXPECT_EQ(sources[2].track.name, "x.minus");
  EXPECT_TRUE(sources[3].track.control);
  EXPECT_EQ(sources[3].track.group, 0);
  EXPECT_EQ(config.import->out_path, config.data.path);
}

TEST(TrackSources, FilesOfOneNameGetDifferentTracks) {
  const auto sources = track_sources({{"a/signal.bw"}, {"b/signal.bw"}}, {{"c/signal.bw"}});
  EXPECT_EQ(sources[0].track.name, "signal");
  EXPECT_EQ(sources[1].track.name, "signal.2");
  EXPECT_EQ(sources[2].track.name, "signal.3");
  EXPECT_EQ(track_files(sources, false), (TrackFiles{{"a/signal.bw"}, {"b/signal.bw"}}));
  EXPECT_EQ(track_files(sources, true), (TrackFiles{{"c/signal.bw"}}));
}

TEST_F(DeckTest, ResolvedTextReadsBackAsTheSameText) {
  const TrainConfig config =
      read(smallest_deck,
           {"name=\"a \\\"quoted\\\"\\tname\\u0001 \\\\ é\"", "seed=9007199254740993", "optimiser.adam_epsilon=1e-8",
            "optimiser.adam_lr=0.1", "training.loss_weights=[1, 1e-3]", "import.sequences=g.fa", "import.peaks=p.bed",
            "import.signals=[[\"a.bw\", \"b.bw\"], \"c.bw\"]", "training.batch_size=60"});
  const std::string text = to_toml(config);
  const TrainConfig again = parse_config(text, "the text");
  EXPECT_EQ(to_toml(again), text);
  EXPECT_EQ(again.name, "a \"quoted\"\tname\x01 \\ é");
  EXPECT_EQ(again.seed, 9007199254740993U);
  EXPECT_EQ(again.optimiser.adam_lr, 0.1);
  EXPECT_EQ(again.gradient_slices, 6);
  EXPECT_TRUE(differences(config, again).empty());
}

TEST_F(DeckTest, TheReferenceIsADeckOfTheDefaults) {
  const TrainConfig config =
      read(deck_reference(), {"data.file=a.h5", "data.training_chromosomes=a", "data.validation_chromosomes=b",
                              "import.sequences=g.fa", "import.signals=s.bw", "import.peaks=p.bed"});
  EXPECT_TRUE(
      differences(read(smallest_deck, {"data.training_chromosomes=a", "data.validation_chromosomes=b"}), config).empty());
}

TEST_F(DeckTest, DifferencesNameTheKeysThatDecideTheParameters) {
  const TrainConfig before = read(smallest_deck);
  const TrainConfig now =
      read(smallest_deck, {"training.batch_size=32", "checkpoint.keep=9", "name=other", "directory=elsewhere"});
  EXPECT_EQ(differences(before, now), std::vector<std::string>{"training.batch_size was 64 and is 32"});
}

TEST_F(DeckTest, SlicesAreEightOrTheLargestDivisorBelow) {
  const auto slices = [](int batch_size) {
    TrainConfig config;
    config.batch_size = batch_size;
    return config.slices();
  };
  EXPECT_EQ(slices(64), 8);
  EXPECT_EQ(slices(60), 6);
  EXPECT_EQ(slices(7), 7);
  EXPECT_EQ(slices(11), 1);
  EXPECT_EQ(slices(1), 1);
}

TEST_F(DeckTest, UnknownKeysNameTheNearestKnownOne) {
  const std::string error = error_of(std::string(smallest_deck) + "[training]\nbatchsize = 3\n");
  EXPECT_CONTAINS(error, "deck.toml:7: unknown key \"training.batchsize\"; did you mean \"training.batch_size\"?");
  EXPECT_CONTAINS(error_of(smallest_deck, {"n_filters=3"}), "did you mean \"model.n_filters\"?");
}

TEST_F(DeckTest, WrongTypesNameFileLineKeyAndValue) {
  EXPECT_CONTAINS(error_of(std::string(smallest_deck) + "[training]\nbatch_size = \"64\"\n"),
                  "deck.toml:7: training.batch_size is \"64\" (a string), and must be an integer from 1 to");
  EXPECT_CONTAINS(error_of(smallest_deck, {"training.batch_size=64.0"}), "is 64.0 (a number), and must be an integer");
  EXPECT_CONTAINS(error_of(smallest_deck, {"training.reverse_complement=1"}),
                  "is 1 (an integer), and must be true or false");
  EXPECT_CONTAINS(error_of(smallest_deck, {"name=3"}), "name is 3 (an integer), and must be a string");
  EXPECT_CONTAINS(error_of(smallest_deck, {"data.test_chromosomes=[1]"}), "is [1] (a list), and must be a list of strings");
  EXPECT_CONTAINS(error_of(smallest_deck, {"import.signals=[[]]"}),
                  "import.signals is [[]] (a list), and must be a list whose");
  EXPECT_CONTAINS(error_of(smallest_deck, {"training.loss_weights=[1]"}), "and must be [profile, count] or []");
  EXPECT_CONTAINS(error_of(smallest_deck, {"training.loss_weights=[1, true]"}), "and must be a number from 0");
  EXPECT_CONTAINS(error_of("name = 1979-05-27\n"), "deck.toml:1: a date or time cannot stand here");
  EXPECT_CONTAINS(error_of("name = [{a = 1}]\n"), "deck.toml:1: a table cannot stand here");
}

TEST_F(DeckTest, ImpossibleNumbersAreRejected) {
  EXPECT_CONTAINS(error_of(smallest_deck, {"optimiser.adam_lr=nan"}),
                  "optimiser.adam_lr is nan (a number), and must be a number from 0");
  EXPECT_CONTAINS(error_of(smallest_deck, {"optimiser.adam_lr=inf"}), "is inf");
  EXPECT_CONTAINS(error_of(smallest_deck, {"optimiser.adam_lr=-1"}), "is -1");
  EXPECT_CONTAINS(error_of(smallest_deck, {"optimiser.adam_beta1=1.0"}), "from 0 to 0.999999");
  EXPECT_CONTAINS(error_of(smallest_deck, {"training.batch_size=0"}), "from 1 to");
  EXPECT_CONTAINS(error_of(smallest_deck, {"model.n_layers=31"}), "from 1 to 30");
  EXPECT_CONTAINS(error_of(smallest_deck, {"training.batch_size=4294967297"}), "is 4294967297 (an integer)");
  EXPECT_CONTAINS(error_of(std::string("seed = 9223372036854775808\n") + smallest_deck), "deck.toml:1: ");
}

TEST_F(DeckTest, KeysThatDoNotFitTogetherAreRejected) {
  EXPECT_CONTAINS(error_of(smallest_deck, {"data.test_chromosomes=chrII"}),
                  "chrII stands in data.training_chromosomes and in data.test_chromosomes");
  EXPECT_CONTAINS(error_of(smallest_deck, {"data.test_chromosomes=[\"chrX\", \"chrX\"]"}), "chrX stands in");
  EXPECT_CONTAINS(error_of(smallest_deck, {"data.validation_chromosomes=[]"}), "data.validation_chromosomes is empty");
  EXPECT_CONTAINS(error_of(smallest_deck, {"training.gradient_slices=7"}), "training.gradient_slices is 7, and must divide");
  EXPECT_CONTAINS(error_of(smallest_deck, {"import.sequences=g.fa"}), "import.signals is empty");
  EXPECT_CONTAINS(error_of(smallest_deck, {"data.in_window=2113"}), "window");
  EXPECT_CONTAINS(error_of(smallest_deck, {"training.best_by=count"}),
                  "training.best_by is \"count\", and must be count_pearson, profile_pearson or mean_pearson");
  EXPECT_CONTAINS(error_of("name = \"x\"\n"), "data.file is missing");
}

TEST_F(DeckTest, WhatIsNoDeckIsRejected) {
  EXPECT_CONTAINS(error_of("a = = 1\n"), "deck.toml:1: ");
  EXPECT_CONTAINS(error_of("a = 1\na = 2\n"), "deck.toml:2: ");
  EXPECT_CONTAINS(error_of("\x89HDF\r\n\x1a\n"), "deck.toml:1: ");
  EXPECT_CONTAINS(error_of(smallest_deck, {"training.batch_size"}), "must be key=value");
  EXPECT_CONTAINS(error_of(smallest_deck, {"data.test_chromosomes=[\"chrX"}), "command line: ");
  EXPECT_CONTAINS(error_of(smallest_deck, {"seed=1\nname=2"}), "must be one key and one value");
  EXPECT_THROW(read_deck((m_folder / "missing.toml").string(), {}), InputError);
  EXPECT_THROW(read_deck(m_folder.string(), {}), InputError);
}

TEST_F(DeckTest, CheckSeesWhatCodeHasSet) {
  TrainConfig config = read(smallest_deck);
  config.optimiser.muon_lr = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THROW(config.check(), InputError);
}

}   // namespace
}   // namespace cheri::train
