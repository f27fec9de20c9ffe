// log.tsv: one row an epoch, with the public package's columns.
#pragma once

#include <cstdint>
#include <fstream>
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

/// log.tsv while a run goes on: written whole when the run begins or resumes, so that nothing of what a killed run has added
/// stays, then a row at a time.
class LogFile {
 public:
  /// Both throw Error naming the path and the system's reason.
  LogFile(const std::string& path, const std::vector<LogRow>& rows);
  void append(const LogRow& row);

 private:
  void require_written() const;

  std::string m_path;
  std::ofstream m_file;
};

}   // namespace cheri::train
