#include "svg.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>

#include <fmt/format.h>

namespace cheri::train::svg {

namespace {

constexpr double left = 46;   // margins of the frame, in the units of the viewBox
constexpr double top = 10;
constexpr double bottom = 38;
constexpr double right = 12;

constexpr std::size_t most_curve_points = 400;
constexpr std::size_t most_scatter_points = 2000;

/// The frame of a plot: data to viewBox.
struct Frame {
  double width, height;
  Axis x, y;

  [[nodiscard]] double at_x(double value) const {
    return left + (value - x.low) / (x.high - x.low) * (width - left - right);
  }
  [[nodiscard]] double at_y(double value) const {
    return height - bottom - (value - y.low) / (y.high - y.low) * (height - top - bottom);
  }
};

std::string open(double width, double height, const std::string& label) {
  return fmt::format("<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">", width, height, escape(label));
}

std::string draw_axes(const Frame& frame, const std::string& x_label, const std::string& y_label) {
  const double x0 = left;
  const double x1 = frame.width - right;
  const double y0 = frame.height - bottom;
  std::string grid;
  std::string labels;
  for (const double tick : frame.y.ticks) {
    const double y = frame.at_y(tick);
    grid += fmt::format("M{:.1f} {:.1f}H{:.1f}", x0, y, x1);
    labels +=
        fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" class=\"ty\">{:.{}f}</text>", x0 - 7, y + 4, tick, frame.y.decimals);
  }
  for (const double tick : frame.x.ticks) {
    const double x = frame.at_x(tick);
    grid += fmt::format("M{:.1f} {:.1f}v4", x, y0);
    labels += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" class=\"tx\">{:.{}f}</text>", x, y0 + 17, tick, frame.x.decimals);
  }
  labels += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" class=\"al\">{}</text>", (x0 + x1) / 2, frame.height - 4,
                        escape(x_label));
  if (!y_label.empty()) {
    labels += fmt::format("<text transform=\"translate(11 {:.1f}) rotate(-90)\" class=\"al\">{}</text>", (top + y0) / 2,
                          escape(y_label));
  }
  return fmt::format("<path class=\"rules\" d=\"{}\"/><path class=\"axis\" d=\"M{:.1f} {:.1f}H{:.1f}\"/>{}", grid, x0, y0,
                     x1, labels);
}

/// At most `most` of n indices, evenly, with the first and the last.
std::vector<std::size_t> thin(std::size_t n, std::size_t most) {
  std::vector<std::size_t> kept;
  const std::size_t count = std::min(n, most);
  for (std::size_t i = 0; i < count; ++i) kept.push_back(count == 1 ? n - 1 : i * (n - 1) / (count - 1));
  return kept;
}

/// Limits of the finite values of all series; the first twentieth of a long run is left out, or its first losses alone would
/// fill the frame.
std::pair<double, double> limits(const Curves& curves) {
  double low = std::numeric_limits<double>::infinity();
  double high = -low;
  const std::size_t begin = curves.x.size() >= 20 ? std::max<std::size_t>(1, curves.x.size() / 20) : 0;
  for (const Series& series : curves.series) {
    for (std::size_t i = begin; i < series.y.size(); ++i) {
      if (!std::isfinite(series.y[i])) continue;
      low = std::min(low, series.y[i]);
      high = std::max(high, series.y[i]);
    }
  }
  return low <= high ? std::pair{low, high} : std::pair{0.0, 1.0};
}

std::string curve_path(const Frame& frame, const std::vector<double>& x, const std::vector<double>& y) {
  std::string path;
  bool pen_down = false;
  for (const std::size_t i : thin(x.size(), most_curve_points)) {
    if (std::isfinite(y[i])) {
      path +=
          fmt::format("{}{:.1f} {:.1f}{}", pen_down ? "L" : "M", frame.at_x(x[i]), frame.at_y(y[i]), pen_down ? "" : "h0");
    }
    pen_down = std::isfinite(y[i]);
  }
  return path;
}

/// Strips over the points of a curve that tell their values under the pointer.
std::string hover_strips(const Frame& frame, const Curves& curves, int decimals) {
  const std::vector<std::size_t> points = thin(curves.x.size(), 120);
  const double width = (frame.width - left - right) / static_cast<double>(points.size());
  std::string strips;
  for (const std::size_t i : points) {
    std::string values;
    for (const Series& series : curves.series) values += fmt::format("\n{} {}", series.name, number(series.y[i], decimals));
    strips += fmt::format("<rect x=\"{:.1f}\" y=\"{}\" width=\"{:.1f}\" height=\"{}\"><title>{} {}{}</title></rect>",
                          frame.at_x(curves.x[i]) - width / 2, top, width, frame.height - top - bottom,
                          escape(curves.x_label), number(curves.x[i], 0), escape(values));
  }
  return "<g class=\"hover\">" + strips + "</g>";
}

/// A dashed line at the marked x, labelled at the end of the frame that the curves leave free.
std::string draw_mark(const Frame& frame, const Curves& curves) {
  const double x = frame.at_x(curves.marked_x);
  const bool curves_end_high = curves.series.front().y.back() > (frame.y.low + frame.y.high) / 2;
  const double y = curves_end_high ? frame.height - bottom - 8 : top + 10;
  const bool label_on_the_left = x > (frame.width + left) / 2;
  return fmt::format(
      "<path class=\"mark\" d=\"M{:.1f} {}V{}\"/><text class=\"mk\" x=\"{:.1f}\" y=\"{}\" text-anchor=\"{}\">{}</text>", x,
      top, frame.height - bottom, label_on_the_left ? x - 5 : x + 5, y, label_on_the_left ? "end" : "start",
      escape(curves.mark));
}

/// The largest finite value of part `column` of `columns`, at least 0.
float largest_of_part(const std::vector<float>& values, int column, int columns) {
  const auto n = static_cast<std::int64_t>(values.size());
  float largest = 0;
  for (std::int64_t i = column * n / columns; i < (column + 1) * n / columns; ++i) {
    const float value = values[static_cast<std::size_t>(i)];
    if (std::isfinite(value)) largest = std::max(largest, value);
  }
  return largest;
}

enum class Direction { up = -1, down = 1 };

/// The steps of a profile over `columns` parts, values times `unit` high, as a closed area on a baseline; equal neighbours
/// are one step.
std::string step_area(const std::vector<float>& values, double unit, Direction direction, int baseline, int columns) {
  std::string path = fmt::format("M0 {}", baseline);
  int level = 0;
  int at = 0;
  for (int column = 0; column < columns; ++column) {
    const int height = static_cast<int>(std::lround(static_cast<double>(largest_of_part(values, column, columns)) * unit));
    if (height == level) continue;
    path += fmt::format("h{}v{}", column - at, static_cast<int>(direction) * (height - level));
    level = height;
    at = column;
  }
  return path + fmt::format("H{}V{}z", columns, baseline);
}

}   // namespace

std::string escape(const std::string& text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&': escaped += "&amp;"; break;
      case '<': escaped += "&lt;"; break;
      case '>': escaped += "&gt;"; break;
      case '"': escaped += "&quot;"; break;
      case '\'': escaped += "&#39;"; break;
      default: escaped += c;
    }
  }
  return escaped;
}

std::string number(double value, int decimals) {
  if (!std::isfinite(value)) return "\u2013";
  std::string text = fmt::format("{:.{}f}", value, decimals);
  if (text.find('.') != std::string::npos) {
    text.erase(text.find_last_not_of('0') + 1);
    if (text.back() == '.') text.pop_back();
  }
  return text == "-0" ? "0" : text;
}

Axis make_axis(double low, double high, int n_ticks) {
  if (!(high > low)) {
    const double half = std::max(0.5, std::abs(low) / 10);
    low -= half;
    high += half;
  }
  const double rough = (high - low) / n_ticks;
  const double power = std::pow(10, std::floor(std::log10(rough)));
  double step = power;
  for (const double factor : {1.0, 2.0, 5.0, 10.0}) {
    if (power * factor >= rough * 0.999) {
      step = power * factor;
      break;
    }
  }
  Axis axis{low, high, {}, static_cast<int>(std::max(0.0, -std::floor(std::log10(step) + 1e-9)))};
  for (double i = std::ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; ++i) axis.ticks.push_back(i * step + 0.0);
  return axis;
}

std::string draw(const Curves& curves) {
  const auto [low, high] = limits(curves);
  const double margin = 0.06 * (high - low);
  const double first_x = curves.x.empty() ? 0 : curves.x.front();
  const double last_x = curves.x.empty() ? 1 : std::max(curves.x.back(), first_x + 1);
  const int n_ticks = static_cast<int>(std::min(6.0, last_x - first_x));   // x counts: no tick between two numbers
  const Frame frame{420, 230, make_axis(first_x, last_x, n_ticks), make_axis(low - margin, high + margin, 5)};
  // A nested <svg> cuts off what leaves the frame.
  std::string lines = fmt::format("<svg x=\"{0}\" y=\"{1}\" width=\"{2}\" height=\"{3}\" viewBox=\"{0} {1} {2} {3}\">", left,
                                  top, frame.width - left - right, frame.height - top - bottom);
  for (const Series& series : curves.series) {
    lines += fmt::format("<path class=\"line {}\" d=\"{}\"/>", series.style, curve_path(frame, curves.x, series.y));
  }
  lines += "</svg>";
  return open(frame.width, frame.height, curves.title) + draw_axes(frame, curves.x_label, "") +
         (curves.mark.empty() ? "" : draw_mark(frame, curves)) + lines + hover_strips(frame, curves, frame.y.decimals + 2) +
         "</svg>";
}

std::string draw(const Scatter& scatter) {
  double low = std::numeric_limits<double>::infinity();
  double high = -low;
  std::size_t total = 0;
  for (const Points& points : scatter.classes) {
    total += points.x.size();
    for (const auto* values : {&points.x, &points.y}) {
      for (const double value : *values) {
        if (!std::isfinite(value)) continue;
        low = std::min(low, value);
        high = std::max(high, value);
      }
    }
  }
  if (low > high) low = 0, high = 1;
  const double margin = 0.04 * (high - low);
  const Axis axis = make_axis(low - margin, high + margin, 5);
  const Frame frame{420, 400, axis, axis};

  std::string marks;
  for (const Points& points : scatter.classes) {
    const std::size_t share =
        total <= most_scatter_points ? points.x.size() : points.x.size() * most_scatter_points / total + 1;
    std::string path;
    for (const std::size_t i : thin(points.x.size(), share)) {
      if (!std::isfinite(points.x[i]) || !std::isfinite(points.y[i])) continue;
      path += fmt::format("M{:.1f} {:.1f}h0", frame.at_x(points.x[i]), frame.at_y(points.y[i]));
    }
    marks += fmt::format("<path class=\"dots {}\" d=\"{}\"/>", points.style, path);
  }
  return open(frame.width, frame.height, scatter.title) + draw_axes(frame, scatter.x_label, scatter.y_label) +
         fmt::format("<path class=\"diagonal\" d=\"M{:.1f} {:.1f}L{:.1f} {:.1f}\"/>", frame.at_x(axis.low),
                     frame.at_y(axis.low), frame.at_x(axis.high), frame.at_y(axis.high)) +
         marks + "</svg>";
}

double height_of(const MirroredProfile& profile) {
  float largest = 0;
  for (const auto* values : {&profile.up, &profile.down}) {
    for (const float value : *values) {
      if (std::isfinite(value)) largest = std::max(largest, value);
    }
  }
  return static_cast<double>(largest);
}

std::string draw(const MirroredProfile& profile) {
  constexpr int most_columns = 600;
  constexpr int half_height = 100;
  const int columns = std::min(most_columns, static_cast<int>(profile.up.size()));
  const bool mirrored = !profile.down.empty();
  const double height = height_of(profile);
  const double unit = height > 0 ? (half_height - 4) / height : 0;
  std::string svg = fmt::format("<svg viewBox=\"0 0 {} {}\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{}\">",
                                columns, mirrored ? 2 * half_height : half_height, escape(profile.label));
  svg += fmt::format("<path class=\"up\" d=\"{}\"/>", step_area(profile.up, unit, Direction::up, half_height, columns));
  if (mirrored)
    svg +=
        fmt::format("<path class=\"down\" d=\"{}\"/>", step_area(profile.down, unit, Direction::down, half_height, columns));
  return svg + fmt::format("<path class=\"zero\" d=\"M0 {}H{}\"/></svg>", half_height, columns);
}

}   // namespace cheri::train::svg
