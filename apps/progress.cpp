#include "progress.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include <sys/ioctl.h>
#include <unistd.h>

namespace cheri::apps {
namespace {

constexpr double redraw_seconds = 0.1;

int terminal_width() {
  winsize size{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

}   // namespace

Progress::Progress(double log_seconds)
    : m_terminal(isatty(STDERR_FILENO) != 0), m_log_seconds(log_seconds), m_shown(Clock::now() - std::chrono::hours(1)) {}

Progress::~Progress() { clear(); }

void Progress::show(double fraction, const std::string& text) {
  const auto now = Clock::now();
  const double since = std::chrono::duration<double>(now - m_shown).count();
  if (fraction < 1 && since < (m_terminal ? redraw_seconds : m_log_seconds)) return;
  m_shown = now;
  const double spent = std::chrono::duration<double>(now - m_begun).count();
  const std::string left =
      fraction > 0 && fraction < 1 ? ", " + duration_text(spent * (1 - fraction) / fraction) + " left" : "";
  const std::string line = fmt::format("{:3.0f} %  {}{}", 100 * fraction, text, left);
  if (!m_terminal) {
    spdlog::info(line);
    return;
  }
  constexpr int bar_width = 20;
  const int full = static_cast<int>(bar_width * std::clamp(fraction, 0.0, 1.0));
  const std::string bar =
      std::string(static_cast<std::size_t>(full), '#') + std::string(static_cast<std::size_t>(bar_width - full), '.');
  fmt::print(stderr, "\r\033[K{}",
             fmt::format("[{}] {}", bar, line).substr(0, static_cast<std::size_t>(terminal_width() - 1)));
  std::fflush(stderr);
  m_bar_is_there = true;
}

void Progress::clear() {
  if (!m_bar_is_there) return;
  fmt::print(stderr, "\r\033[K");
  std::fflush(stderr);
  m_bar_is_there = false;
}

std::string duration_text(double seconds) {
  const long whole = std::lround(seconds);
  if (whole >= 3600) return fmt::format("{} h {:02} min", whole / 3600, whole / 60 % 60);
  if (whole >= 60) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} s", whole);
}

}   // namespace cheri::apps
