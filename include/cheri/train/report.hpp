// The report of a run: one HTML file that needs no network.
#pragma once

#include "cheri/train/log.hpp"
#include "cheri/train/metrics.hpp"

#include <string>
#include <vector>

namespace cheri::train {

/// Observed and predicted profile of one locus; (T, W) row-major, predictions as expected counts.
struct LocusProfile {
  std::string title;   ///< chrom:start-end
  std::vector<float> observed, predicted;
};

struct ReportInput {
  std::string name, deck_toml, machine;   ///< machine: several lines
  std::vector<LogRow> log;
  std::string split;   ///< the held-out split that is shown, "test" or "validation"
  SplitScores scores;
  Metrics model, baseline;
  std::vector<std::string> track_names, group_names;
  int out_window = 0;
  std::vector<LocusProfile> profiles;
};

/// Inline SVG and CSS, light and dark, readable on a phone: headline metrics against the baseline, loss and metric curves,
/// observed against predicted counts, profiles at example loci, the deck, the machine.
std::string render_report(const ReportInput& input);

}   // namespace cheri::train
