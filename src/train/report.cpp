// The report, section by section, from top to bottom.
#include "cheri/train/report.hpp"

#include "report_style.hpp"
#include "svg.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include <fmt/format.h>

namespace cheri::train {

namespace {

using svg::escape;
using svg::number;

struct Figure {
  const char* name;
  double GroupMetrics::*value;
  const char* what;
  int decimals;
  enum class Better { higher, lower } better;
};

constexpr auto higher = Figure::Better::higher;
constexpr auto lower = Figure::Better::lower;

/// All figures of the table; the first four are the headline.
constexpr std::array<Figure, 10> figures = {{
    {"Profile Pearson", &GroupMetrics::profile_pearson, "Is the signal in the right places within a peak? 1 is perfect.", 3,
     higher},
    {"Count Pearson", &GroupMetrics::count_pearson, "Are strong peaks predicted stronger than weak ones? 1 is perfect.", 3,
     higher},
    {"AUROC", &GroupMetrics::auroc, "Do predicted counts tell peaks from negatives? 0.5 is chance.", 3, higher},
    {"Profile JSD", &GroupMetrics::profile_jsd, "Distance of predicted from observed profiles. 0 is perfect.", 3, lower},
    {"Profile MNLL", &GroupMetrics::profile_mnll, "", 1, lower},
    {"Count Spearman", &GroupMetrics::count_spearman, "", 3, higher},
    {"Count MSE", &GroupMetrics::count_mse, "", 3, lower},
    {"Count Pearson, with negatives", &GroupMetrics::count_pearson_all, "", 3, higher},
    {"Count MSE, with negatives", &GroupMetrics::count_mse_all, "", 3, lower},
    {"AUPRC", &GroupMetrics::auprc, "", 3, higher},
}};
constexpr std::size_t n_headlines = 4;

std::string value_of(const Figure& figure, const GroupMetrics& metrics) {
  const double value = metrics.*figure.value;
  return std::isfinite(value) ? fmt::format("{:.{}f}", value, figure.decimals) : number(value, 0);
}

/// Whether the model beats the baseline; where the baseline has no value, any is better.
bool is_better(const Figure& figure, const GroupMetrics& model, const GroupMetrics& baseline) {
  const double ours = model.*figure.value;
  const double theirs = baseline.*figure.value;
  if (!std::isfinite(theirs)) return ours > 0;
  return figure.better == higher ? ours > theirs : ours < theirs;
}

/// "12345678" -> "12,345,678".
std::string with_commas(std::int64_t value) {
  std::string text = std::to_string(value);
  for (auto at = static_cast<std::ptrdiff_t>(text.size()) - 3; at > 0; at -= 3)
    text.insert(static_cast<std::size_t>(at), ",");
  return text;
}

std::string duration(double seconds) {
  const auto whole = static_cast<std::int64_t>(std::llround(seconds));
  if (whole < 120) return fmt::format("{} s", whole);
  if (whole < 7200) return fmt::format("{} min {} s", whole / 60, whole % 60);
  return fmt::format("{} h {} min", whole / 3600, whole / 60 % 60);
}

const LogRow* best_row(const std::vector<LogRow>& log) {
  const auto best = std::find_if(log.rbegin(), log.rend(), [](const LogRow& row) { return row.saved; });
  return best == log.rend() ? nullptr : &*best;
}

std::string header(const ReportInput& input) {
  const SplitScores& scores = input.scores;
  std::string text = fmt::format(
      "<header><h1>{}</h1><p class=\"lead\">A Cherimoya model on the chromosomes of its <b>{} split</b>: {} peaks and {} "
      "negatives, {} base pairs of signal each.",
      escape(input.name), escape(input.split), with_commas(scores.n_peaks), with_commas(scores.n_negatives),
      with_commas(input.out_window));
  if (!input.log.empty()) {
    double seconds = 0;
    for (const LogRow& row : input.log) seconds += row.training_time + row.validation_time;
    text +=
        fmt::format(" Trained for {} epochs and {} steps in {}", with_commas(static_cast<std::int64_t>(input.log.size())),
                    with_commas(input.log.back().iteration), duration(seconds));
    if (const LogRow* best = best_row(input.log)) text += fmt::format("; the figures are those of epoch {}", best->epoch);
    text += ".";
  }
  return text + "</p></header>";
}

std::string metric_card(const Figure& figure, const ReportInput& input) {
  const auto percent = [&](const GroupMetrics& metrics) { return 100 * std::clamp(metrics.*figure.value, 0.0, 1.0); };
  std::string bar = fmt::format("<i style=\"width:{:.1f}%\"></i>",
                                std::isfinite(input.model.mean.*figure.value) ? percent(input.model.mean) : 0);
  if (std::isfinite(input.baseline.mean.*figure.value)) {
    bar += fmt::format("<b style=\"left:{:.1f}%\"></b>", percent(input.baseline.mean));
  }
  return fmt::format(
      "<div class=\"card metric\"><div class=\"name\">{}</div><div class=\"value\">{}</div><div class=\"bar\">{}</div>"
      "<div class=\"base\"><span class=\"tick\"></span>baseline {}</div><div class=\"what\">{}</div></div>",
      figure.name, value_of(figure, input.model.mean), bar, value_of(figure, input.baseline.mean), figure.what);
}

std::string headline(const ReportInput& input) {
  std::string cards;
  for (std::size_t i = 0; i < n_headlines; ++i) cards += metric_card(figures[i], input);
  return "<div class=\"cards\">" + cards + "</div>";
}

std::string legend_entry(const std::string& style, const std::string& name) {
  return fmt::format("<span class=\"{}\">{}</span>", style, escape(name));
}

std::string plot_card(const std::string& title, const std::string& legend, const std::string& plot) {
  return fmt::format("<div class=\"card\"><div class=\"head\"><h3>{}</h3><div class=\"legend\">{}</div></div>{}</div>",
                     escape(title), legend, plot);
}

/// A column of the log: its name in the legend, its colour, its member.
struct Column {
  const char* name;
  const char* style;
  double LogRow::*value;
};

std::string curve_card(const ReportInput& input, const std::string& title, const std::vector<Column>& columns) {
  svg::Curves curves{title, "epoch", {}, {}, 0, ""};
  for (const LogRow& row : input.log) curves.x.push_back(static_cast<double>(row.epoch));
  std::string legend;
  for (const Column& column : columns) {
    svg::Series series{column.name, column.style, {}};
    for (const LogRow& row : input.log) series.y.push_back(row.*column.value);
    curves.series.push_back(series);
    legend += legend_entry(column.style, column.name);
  }
  if (const LogRow* best = best_row(input.log)) {
    curves.marked_x = static_cast<double>(best->epoch);
    curves.mark = "best";
  }
  return plot_card(title, legend, svg::draw(curves));
}

std::string training_section(const ReportInput& input) {
  if (input.log.empty()) return "";
  return "<section><h2>Training</h2><p class=\"note\">Validation is scored with the moving average of the parameters, which "
         "is "
         "what is saved. What the best epoch has the most of, the deck says: training.best_by.</p><div class=\"grid\">" +
         curve_card(input, "Profile loss (multinomial NLL)",
                    {{"training", "grey", &LogRow::training_mnll}, {"validation", "blue", &LogRow::validation_mnll}}) +
         curve_card(
             input, "Count loss (MSE of log-counts)",
             {{"training", "grey", &LogRow::training_count_mse}, {"validation", "blue", &LogRow::validation_count_mse}}) +
         curve_card(input, "Profile Pearson", {{"validation peaks", "blue", &LogRow::validation_profile_pearson}}) +
         curve_card(input, "Count Pearson",
                    {{"validation peaks", "blue", &LogRow::validation_count_pearson},
                     {"with negatives", "orange", &LogRow::validation_count_pearson_all}}) +
         "</div></section>";
}

std::string scatter_card(const ReportInput& input, std::size_t group) {
  const SplitScores& scores = input.scores;
  const std::size_t n_groups = scores.signal_groups.size();
  svg::Points peaks{"peaks", "blue", {}, {}};
  svg::Points negatives{"negatives", "orange", {}, {}};
  const auto n = static_cast<std::size_t>(scores.n_peaks + scores.n_negatives);
  for (std::size_t i = 0; i < n; ++i) {
    svg::Points& points = i < static_cast<std::size_t>(scores.n_peaks) ? peaks : negatives;
    points.x.push_back(scores.observed[i * n_groups + group]);
    points.y.push_back(scores.predicted[i * n_groups + group]);
  }
  const std::string title = n_groups == 1 ? "Counts in the output window" : input.group_names[group];
  const std::string legend =
      legend_entry("dot blue", peaks.name) + (negatives.x.empty() ? "" : legend_entry("dot orange", negatives.name));
  return plot_card(title, legend,
                   svg::draw(svg::Scatter{title, "observed log(1 + counts)", "predicted", {negatives, peaks}}));
}

constexpr std::size_t most_groups_shown = 6;

std::string figures_table(const ReportInput& input) {
  const std::size_t n_groups = input.model.groups.size();
  std::string head = "<th></th><th>model</th><th>baseline</th>";
  if (n_groups > 1) {
    for (const std::string& name : input.group_names) head += "<th>" + escape(name) + "</th>";
  }
  std::string body;
  for (const Figure& figure : figures) {
    body += fmt::format("<tr><th>{}</th><td{}>{}</td><td class=\"weak\">{}</td>", figure.name,
                        is_better(figure, input.model.mean, input.baseline.mean) ? " class=\"better\"" : "",
                        value_of(figure, input.model.mean), value_of(figure, input.baseline.mean));
    if (n_groups > 1) {
      for (const GroupMetrics& group : input.model.groups) body += "<td>" + value_of(figure, group) + "</td>";
    }
    body += "</tr>";
  }
  return fmt::format("<div class=\"card scroll\"><table><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>", head,
                     body);
}

std::string counts_section(const ReportInput& input) {
  const std::size_t n_groups = input.scores.signal_groups.size();
  std::string cards;
  for (std::size_t g = 0; g < std::min(n_groups, most_groups_shown); ++g) cards += scatter_card(input, g);
  return "<section><h2>Figures</h2><p class=\"note\">The constant baseline predicts the mean profile and the mean log-count "
         "of the "
         "training peaks everywhere; a constant has no correlation of counts (\u2013). Pearson, Spearman, AUROC and AUPRC "
         "are better "
         "when higher, MNLL, JSD and MSE when lower.</p><div class=\"grid\">" +
         cards +
         (n_groups == 1 ? figures_table(input) + "</div>"
                        : "</div><div style=\"margin-top:14px\">" + figures_table(input) + "</div>") +
         "</section>";
}

/// One row: beside the profile its name, its track where there are several, and the top of its scale.
std::string profile_row(const std::string& name, const std::string& track, const svg::MirroredProfile& profile) {
  const double height = svg::height_of(profile);
  const std::string track_line = track.empty() ? "" : "<span>" + escape(track) + "</span>";
  return fmt::format("<div class=\"track{}\"><div class=\"side\"><b>{}</b>{}<span>up to {}</span></div>{}</div>",
                     profile.down.empty() ? " single" : "", name, track_line, number(height, height < 10 ? 2 : 0),
                     svg::draw(profile));
}

svg::MirroredProfile mirrored(const std::vector<float>& values, std::size_t first, std::size_t n_tracks, std::size_t window,
                              const std::string& label) {
  const auto track = [&](std::size_t t) {
    const auto begin = values.begin() + static_cast<std::ptrdiff_t>(t * window);
    return std::vector<float>(begin, begin + static_cast<std::ptrdiff_t>(window));
  };
  return {label, track(first), n_tracks == 2 ? track(first + 1) : std::vector<float>()};
}

std::string locus_card(const ReportInput& input, const LocusProfile& locus) {
  const auto window = static_cast<std::size_t>(input.out_window);
  const std::vector<int>& groups = input.scores.signal_groups;
  std::string rows;
  std::size_t first = 0;
  for (std::size_t g = 0; g < groups.size() && g < most_groups_shown; ++g) {
    const auto channels = static_cast<std::size_t>(groups[g]);
    const std::size_t in_row = channels == 2 ? 2 : 1;   // a stranded pair shares a row
    for (std::size_t t = first; t < first + channels; t += in_row) {
      const std::string track = input.track_names.size() > 2 ? input.track_names[t] : "";
      rows += profile_row("observed", track, mirrored(locus.observed, t, in_row, window, "observed counts " + track));
      rows += profile_row("predicted", track, mirrored(locus.predicted, t, in_row, window, "predicted counts " + track));
    }
    first += channels;
  }
  const int half = input.out_window / 2;
  return fmt::format(
      "<div class=\"card locus\"><div class=\"head\"><h3>{}</h3></div>{}<div "
      "class=\"ruler\"><div><span>\u2212{}</span><span>centre</span>"
      "<span>+{} bp</span></div></div></div>",
      escape(locus.title), rows, half, input.out_window - half);
}

std::string profiles_section(const ReportInput& input) {
  if (input.profiles.empty()) return "";
  const auto& groups = input.scores.signal_groups;
  const bool stranded = std::find(groups.begin(), groups.end(), 2) != groups.end();
  std::string legend;
  if (stranded)
    legend = legend_entry("box blue", "+ strand, upwards") + legend_entry("box orange", "\u2212 strand, downwards");
  std::string cards;
  for (const LocusProfile& locus : input.profiles) cards += locus_card(input, locus);
  return fmt::format(
      "<section><h2>Profiles at held-out peaks</h2><p class=\"note\">Counts at every base pair, observed, and expected by "
      "the model: its "
      "profile times its counts. Each row has a scale of its own, whose top stands beside it.</p>"
      "<div class=\"legend\" style=\"margin-bottom:10px\">{}</div><div class=\"grid loci\">{}</div></section>",
      legend, cards);
}

std::string text_block(const std::string& title, const std::string& text, bool is_open) {
  return fmt::format("<details class=\"card\"{}><summary>{}</summary><pre>{}</pre></details>", is_open ? " open" : "", title,
                     escape(text));
}

}   // namespace

std::string render_report(const ReportInput& input) {
  return fmt::format(
             "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
             "content=\"width=device-width,initial-scale=1\"><title>{} \u00b7 "
             "Cheri</title><style>{}</style></head><body><main>",
             escape(input.name), report_style) +
         header(input) + headline(input) + profiles_section(input) + counts_section(input) + training_section(input) +
         "<section><h2>How it was made</h2><p class=\"note\">The deck as it was resolved, and the machine.</p>" +
         text_block("Deck", input.deck_toml, false) + text_block("Machine", input.machine, true) +
         "</section><footer>Written by cheri train. This file needs no network.</footer></main></body></html>\n";
}

}   // namespace cheri::train
