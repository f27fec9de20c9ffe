#include "cheri/train/log.hpp"

#include <locale>
#include <sstream>

namespace cheri::train {

namespace {

constexpr const char* header =
    "Epoch\tIteration\tTraining Time\tValidation Time\tTraining MNLL\tTraining Count MSE\tValidation MNLL\t"
    "Validation Profile Pearson\tValidation Count Pearson\tValidation Count MSE\t"
    "Validation Count Pearson (Peaks+Negatives)\tValidation Count MSE (Peaks+Negatives)\tValidation AUROC\t"
    "Validation AUPRC\tSaved?\n";

void print(std::ostream& out, const LogRow& row) {
  out << row.epoch << '\t' << row.iteration;
  for (const double value :
       {row.training_time, row.validation_time, row.training_mnll, row.training_count_mse, row.validation_mnll,
        row.validation_profile_pearson, row.validation_count_pearson, row.validation_count_mse,
        row.validation_count_pearson_all, row.validation_count_mse_all, row.validation_auroc, row.validation_auprc}) {
    out << '\t' << value;
  }
  out << '\t' << (row.saved ? "True" : "False") << '\n';
}

}   // namespace

std::string log_table(const std::vector<LogRow>& rows) {
  std::ostringstream out;
  out.imbue(std::locale::classic());
  out.precision(8);
  out << header;
  for (const LogRow& row : rows) print(out, row);
  return out.str();
}

}   // namespace cheri::train
