// How far a long task is: a bar on a terminal, a line now and then in a log.
#pragma once

#include <chrono>
#include <string>

namespace cheri::apps {

class Progress {
 public:
  /// `log_seconds` lie between two lines where standard error is no terminal.
  explicit Progress(double log_seconds);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// Shows `fraction` (0 to 1) and a text, at most ten times a second on a terminal; the end is always shown.
  void show(double fraction, const std::string& text);
  /// Makes room for a message: the bar's line is cleared.
  void clear();

 private:
  using Clock = std::chrono::steady_clock;
  bool m_terminal;
  double m_log_seconds;
  Clock::time_point m_begun = Clock::now(), m_shown;
  bool m_bar_is_there = false;
};

/// "1 h 02 min", "3 min 20 s", "12 s".
std::string duration_text(double seconds);

}   // namespace cheri::apps
