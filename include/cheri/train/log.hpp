// log.tsv: one row an epoch, with the public package's columns.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace cheri::train {

struct LogRow {
  std::int64_t epoch = 0, iteration = 0;
  double training_time = 0, validation_time = 0;      ///< seconds
  double training_mnll = 0, training_count_mse = 0;   ///< means over the epoch
  double validation_mnll = 0, validation_profile_pearson = 0, validation_count_pearson = 0, validation_count_mse = 0;
  double validation_count_pearson_all = 0, validation_count_mse_all = 0, validation_auroc = 0, validation_auprc = 0;
  bool saved = false;

  bool operator==(const LogRow&) const = default;
};

/// The whole file, header and rows, tab-separated: eight significant digits, "nan" where a value has no meaning, and
/// "Saved?" as True or False.
std::string log_table(const std::vector<LogRow>& rows);

}   // namespace cheri::train
