// Small plots as inline SVG: axes with round ticks, curves, a scatter of two classes, and mirrored step profiles. Colours
// and fonts come from the page's CSS (classes of series and of axis parts), so that plots follow its light and dark themes.
#pragma once

#include <string>
#include <vector>

namespace cheri::train::svg {

/// "&", "<", ">" and quotes as entities.
std::string escape(const std::string& text);

/// At most `decimals` decimals, no trailing zeros, "-" for what is not finite.
std::string number(double value, int decimals);

/// Round ticks (1, 2 or 5 times a power of ten) inside [low, high].
struct Axis {
  double low = 0;
  double high = 1;
  std::vector<double> ticks;
  int decimals = 0;   ///< of the tick labels
};

/// An axis that covers [low, high] with about `n_ticks` ticks. An empty or single-valued interval is widened.
Axis make_axis(double low, double high, int n_ticks);

struct Series {
  std::string name;    ///< of the legend
  std::string style;   ///< CSS class
  std::vector<double> y;
};

/// Curves over common x values, with one x marked. Values that are not finite leave gaps.
struct Curves {
  std::string title, x_label;
  std::vector<double> x;
  std::vector<Series> series;
  double marked_x = 0;
  std::string mark;   ///< what the mark says; empty: none
};
std::string draw(const Curves& curves);

struct Points {
  std::string name, style;
  std::vector<double> x, y;
};

/// Points of classes, the later above the earlier, on one scale for both directions with the diagonal.
struct Scatter {
  std::string title, x_label, y_label;
  std::vector<Points> classes;
};
std::string draw(const Scatter& scatter);

/// One track upwards and, where `down` is not empty, one downwards, on a common scale.
struct MirroredProfile {
  std::string label;   ///< for those who cannot see it
  std::vector<float> up, down;
};
std::string draw(const MirroredProfile& profile);

/// The largest value of a mirrored profile: the height that its frame stands for.
double height_of(const MirroredProfile& profile);

}   // namespace cheri::train::svg
