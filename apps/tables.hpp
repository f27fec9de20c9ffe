// Metrics as tab-separated tables.
#pragma once

#include "cheri/train/results.hpp"

#include <string>

namespace cheri::apps {

/// One line a group, and their mean, for the model and for the baseline; a header and the split in front.
std::string metrics_table(const train::Evaluation& evaluation);

}   // namespace cheri::apps
