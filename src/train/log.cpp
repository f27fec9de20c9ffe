#include "cheri/train/log.hpp"

#include "cheri/base/check.hpp"
#include "cheri/base/files.hpp"

#include <cerrno>
#include <cstring>
#include <locale>
#include <sstream>

namespace cheri::train {

namespace {

constexpr const char* header =
    "Epoch\tIteration\tTraining Time\tValidation Time\tTraining MNLL\tTraining Count MSE\tValidation MNLL\t"
    "Validation Profile Pearson\tValidation Count Pearson\tValidation Count MSE\t"
    "Validation Count Pearson (Peaks+Negatives)\tValidation Count MSE (Peaks+Negatives)\tValidation AUROC\t"
    "Validation AUPRC\tSaved?\n";

std::string line_of(const LogRow& row) {
  std::ostringstream out;
  out.imbue(std::locale::classic());
  out.precision(8);
  out << row.epoch << '\t' << row.iteration;
  for (const double value :
       {row.training_time, row.validation_time, row.training_mnll, row.training_count_mse, row.validation_mnll,
        row.validation_profile_pearson, row.validation_count_pearson, row.validation_count_mse,
        row.validation_count_pearson_all, row.validation_count_mse_all, row.validation_auroc, row.validation_auprc}) {
    out << '\t' << value;
  }
  out << '\t' << (row.saved ? "True" : "False") << '\n';
  return out.str();
}

}   // namespace

std::string log_table(const std::vector<LogRow>& rows) {
  std::string table = header;
  for (const LogRow& row : rows) table += line_of(row);
  return table;
}

LogFile::LogFile(const std::string& path, const std::vector<LogRow>& rows) : m_path(path) {
  write_text_file(path, log_table(rows));
  m_file.open(path, std::ios::binary | std::ios::app);
  require_written();
}

void LogFile::append(const LogRow& row) {
  m_file << line_of(row) << std::flush;
  require_written();
}

void LogFile::require_written() const {
  if (!m_file) throw Error("cannot write " + m_path + ": " + std::strerror(errno));
}

}   // namespace cheri::train
