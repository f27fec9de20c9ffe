// The report is well-formed and self-contained, whatever the run was like; plots hold what they were given.
#include "cheri/train/report.hpp"
#include "train/svg.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <stdexcept>

namespace cheri::train {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) ++found;
  return found;
}

/// The first tag that is closed out of turn, or stays open; empty: none.
std::string first_unbalanced_tag(const std::string& html) {
  std::vector<std::string> open;
  for (auto at = html.find('<'); at != std::string::npos; at = html.find('<', at + 1)) {
    const bool is_end = html[at + 1] == '/';
    const auto begin = at + (is_end ? 2 : 1), end = html.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789", begin);
    const std::string name = html.substr(begin, end - begin);
    if (name.empty() || name == "meta" || html[html.find('>', end) - 1] == '/') continue;
    if (!is_end) {
      open.push_back(name);
    } else {
      if (open.empty() || open.back() != name) return name;
      open.pop_back();
    }
  }
  return open.empty() ? "" : open.back();
}

ReportInput small_input() {
  ReportInput input;
  input.name = "a <run> & \"more\"";
  input.deck_toml = "name = \"a <run>\"\n";
  input.machine = "two cores\nand <memory>";
  input.split = "test";
  input.out_window = 4;
  input.track_names = {"x.plus", "x.minus"};
  input.group_names = {"x.plus"};
  input.scores.signal_groups = {2};
  input.scores.n_peaks = 2;
  input.scores.n_negatives = 1;
  input.scores.observed = {3, 4, 1};
  input.scores.predicted = {3.5, 3.75, 1.25};
  input.model.groups.resize(1);
  input.baseline.groups.resize(1);
  input.model.mean.profile_pearson = 0.625;
  input.baseline.mean.profile_pearson = 0.25;
  input.baseline.mean.count_pearson = nan;
  for (int epoch = 0; epoch < 3; ++epoch) {
    LogRow row;
    row.epoch = epoch;
    row.iteration = 500 * (epoch + 1);
    row.training_time = 30;
    row.training_mnll = 100 - epoch;
    row.validation_mnll = 110 - epoch;
    row.saved = epoch < 2;
    input.log.push_back(row);
  }
  input.profiles = {{"chrI:10-14", {0, 5, 1, 0, 0, 0, 2, 0}, {0.5F, 3, 1, 0, 0, 0, 1.5F, 0}}};
  return input;
}

void expect_sound(const std::string& html) {
  EXPECT_EQ(first_unbalanced_tag(html), "");
  EXPECT_EQ(html.find("nan"), std::string::npos);
  EXPECT_EQ(html.find("inf,"), std::string::npos);
  for (const char* outside : {"http:", "https:", "<script", "<link", "@import", "url("}) {
    EXPECT_EQ(html.find(outside), std::string::npos) << outside;
  }
}

TEST(Report, HoldsTheFiguresAndNothingFromOutside) {
  const std::string html = render_report(small_input());
  expect_sound(html);
  EXPECT_NE(html.find("a &lt;run&gt; &amp; &quot;more&quot;"), std::string::npos);
  EXPECT_EQ(html.find("<run>"), std::string::npos);
  EXPECT_NE(html.find("and &lt;memory&gt;"), std::string::npos);
  EXPECT_NE(html.find("<div class=\"value\">0.625</div>"), std::string::npos);
  EXPECT_NE(html.find("baseline 0.250"), std::string::npos);
  EXPECT_NE(html.find("2 peaks and 1 negatives"), std::string::npos);
  EXPECT_NE(html.find("3 epochs and 1,500 steps in 90 s; the figures are those of epoch 1"), std::string::npos);
  EXPECT_NE(html.find("chrI:10-14"), std::string::npos);
  EXPECT_EQ(count(html, "class=\"up\""), 2U);   // observed and predicted
  EXPECT_EQ(count(html, "class=\"down\""), 2U);
}

TEST(Report, ARunWithNothingToShowIsStillAPage) {
  ReportInput input = small_input();
  input.log.clear();
  input.profiles.clear();
  input.scores.n_peaks = input.scores.n_negatives = 0;
  input.scores.observed.clear();
  input.scores.predicted.clear();
  input.deck_toml.clear();
  expect_sound(render_report(input));
}

TEST(Report, ValuesWithoutMeaningAreDashes) {
  ReportInput input = small_input();
  input.model.mean = {nan, nan, nan, nan, nan, nan, nan, nan, nan, nan};
  input.scores.predicted = {nan, 1, std::numeric_limits<double>::infinity()};
  input.log[1].validation_mnll = nan;
  input.profiles[0].predicted[2] = std::numeric_limits<float>::quiet_NaN();
  const std::string html = render_report(input);
  expect_sound(html);
  EXPECT_NE(html.find("<div class=\"value\">\u2013</div>"), std::string::npos);
}

TEST(Report, ALargeRunStaysASmallFile) {
  ReportInput input = small_input();
  const std::size_t n = 100000;
  input.scores.n_peaks = n;
  input.scores.n_negatives = 0;
  input.scores.observed.assign(n, 1.0);
  input.scores.predicted.assign(n, 2.0);
  input.log.resize(5000, input.log[0]);
  for (std::size_t i = 0; i < input.log.size(); ++i) input.log[i].epoch = static_cast<std::int64_t>(i);
  const std::string html = render_report(input);
  expect_sound(html);
  EXPECT_LT(html.size(), 250000U);   // 2,000 points of 12 bytes, 6 curves of 400 points, and hover strips
}

TEST(Report, EveryGroupHasAScatterAndAColumn) {
  ReportInput input = small_input();
  input.track_names = {"a", "b", "c"};
  input.group_names = {"group <a>", "b"};
  input.scores.signal_groups = {1, 2};
  input.scores.observed = {1, 2, 3, 4, 5, 6};
  input.scores.predicted = {1, 2, 3, 4, 5, 6};
  input.model.groups.resize(2);
  input.baseline.groups.resize(2);
  input.profiles = {{"chrI:10-14", std::vector<float>(12, 1), std::vector<float>(12, 2)}};
  const std::string html = render_report(input);
  expect_sound(html);
  EXPECT_EQ(count(html, "<h3>group &lt;a&gt;</h3>"), 1U);
  EXPECT_EQ(count(html, "<th>group &lt;a&gt;</th>"), 1U);
  EXPECT_EQ(count(html, "class=\"up\""), 4U);
  EXPECT_EQ(count(html, "class=\"down\""), 2U);
}

TEST(Svg, NumbersAreShort) {
  EXPECT_EQ(svg::number(1.5, 3), "1.5");
  EXPECT_EQ(svg::number(100, 2), "100");
  EXPECT_EQ(svg::number(-0.0001, 2), "0");
  EXPECT_EQ(svg::number(nan, 2), "\u2013");
}

TEST(Svg, TicksAreRoundAndInside) {
  const svg::Axis axis = svg::make_axis(0.13, 0.88, 5);
  ASSERT_EQ(axis.ticks.size(), 4U);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_DOUBLE_EQ(axis.ticks[i], 0.2 * static_cast<double>(i + 1));
  EXPECT_EQ(axis.decimals, 1);
  EXPECT_EQ(svg::make_axis(0, 19999, 6).ticks.back(), 15000);
  EXPECT_EQ(svg::make_axis(-3, 3, 6).ticks.size(), 7U);
}

TEST(Svg, AnAxisOfOneValueIsWidened) {
  for (const double value : {0.0, 5.0, -1e9}) {
    const svg::Axis axis = svg::make_axis(value, value, 5);
    EXPECT_LT(axis.low, value);
    EXPECT_GT(axis.high, value);
    EXPECT_FALSE(axis.ticks.empty());
  }
}

TEST(Svg, ACurveIsBrokenWhereAValueIsMissing) {
  svg::Curves curves{"t", "x", {0, 1, 2, 3}, {{"s", "blue", {1, nan, 2, 3}}}, 0, ""};
  const std::string drawing = svg::draw(curves);
  const auto line = drawing.find("class=\"line blue\"");
  ASSERT_NE(line, std::string::npos);
  const std::string path = drawing.substr(line, drawing.find("/>", line) - line);
  EXPECT_EQ(count(path, "M"), 2U);
  EXPECT_EQ(count(path, "L"), 1U);
}

TEST(Svg, AProfileIsStepsFromTheBaseline) {
  EXPECT_NE(svg::draw(svg::MirroredProfile{"", {0, 4, 4, 2}, {}}).find("d=\"M0 100h1v-96h2v48H4V100z\""), std::string::npos);
  EXPECT_NE(svg::draw(svg::MirroredProfile{"", {0, 0}, {0, 1}}).find("d=\"M0 100h1v96H2V100z\""), std::string::npos);
  EXPECT_EQ(svg::height_of({"", {0, 4}, {5, 1}}), 5);
}

TEST(Svg, BinsKeepTheTallestPosition) {
  std::vector<float> values(2114, 0);
  values[1500] = 7;
  const std::string drawing = svg::draw(svg::MirroredProfile{"", values, {}});
  EXPECT_NE(drawing.find("v-96h1v96"), std::string::npos);
  EXPECT_EQ(svg::height_of({"", values, {}}), 7);
}

}   // namespace
}   // namespace cheri::train
