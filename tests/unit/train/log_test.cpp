#include "cheri/train/log.hpp"
#include "cheri/base/check.hpp"
#include "cheri/base/files.hpp"
#include "support/scratch.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <limits>
#include <sstream>

namespace cheri::train {
namespace {

std::vector<std::string> cells(const std::string& line) {
  std::vector<std::string> result;
  std::istringstream in(line);
  for (std::string cell; std::getline(in, cell, '\t');) result.push_back(cell);
  return result;
}

std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> result;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) result.push_back(line);
  return result;
}

TEST(LogTable, HasThePublicColumns) {
  const std::vector<std::string> expected = {"Epoch",
                                             "Iteration",
                                             "Training Time",
                                             "Validation Time",
                                             "Training MNLL",
                                             "Training Count MSE",
                                             "Validation MNLL",
                                             "Validation Profile Pearson",
                                             "Validation Count Pearson",
                                             "Validation Count MSE",
                                             "Validation Count Pearson (Peaks+Negatives)",
                                             "Validation Count MSE (Peaks+Negatives)",
                                             "Validation AUROC",
                                             "Validation AUPRC",
                                             "Saved?"};
  EXPECT_EQ(cells(lines(log_table({})).at(0)), expected);
  EXPECT_EQ(lines(log_table({})).size(), 1u);
}

TEST(LogTable, PutsEachValueIntoItsColumn) {
  const LogRow row{1, 200, 3.5, 4.25, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14.125, true};
  const std::vector<std::string> expected = {"1", "200", "3.5", "4.25", "5",  "6",      "7",   "8",
                                             "9", "10",  "11",  "12",   "13", "14.125", "True"};
  EXPECT_EQ(cells(lines(log_table({row})).at(1)), expected);
}

TEST(LogTable, WritesEightDigitsAndNaN) {
  LogRow row;
  row.training_mnll = 1234.56789012;
  row.validation_auroc = std::numeric_limits<double>::quiet_NaN();
  const std::vector<std::string> written = cells(lines(log_table({LogRow{}, row})).at(2));
  EXPECT_EQ(written.at(4), "1234.5679");
  EXPECT_EQ(written.at(12), "nan");
  EXPECT_EQ(written.at(14), "False");
}

// What a run was writing when it was killed, and rows of epochs that will be done again, do not survive.
TEST(LogFile, GoesOnAfterTheRowsItIsGiven) {
  const cheri::testing::ScratchFolder folder;
  const std::string path = folder.file("log.tsv");
  std::vector<LogRow> rows(3);
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i].epoch = static_cast<std::int64_t>(i);
  {
    LogFile killed(path, {});
    for (const LogRow& row : rows) killed.append(row);
    EXPECT_EQ(read_text_file(path), log_table(rows));   // nothing waits in the program
  }
  std::ofstream(path, std::ios::app) << "3\t40\t0.2";
  LogFile resumed(path, {rows[0]});
  EXPECT_EQ(read_text_file(path), log_table({rows[0]}));
  resumed.append(rows[1]);
  resumed.append(rows[2]);
  EXPECT_EQ(read_text_file(path), log_table(rows));
}

TEST(LogFile, SaysWhatCannotBeWritten) {
  const cheri::testing::ScratchFolder folder;
  EXPECT_THROW(LogFile(folder.file("nowhere/log.tsv"), {}), Error);
}

}   // namespace
}   // namespace cheri::train
