#include "cheri/train/config.hpp"

#include "cheri/base/check.hpp"
#include "cheri/base/nearest.hpp"
#include "cheri/parallel/backend.hpp"

#include "deck_keys.hpp"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

namespace cheri::train {

namespace {

/// "folder/reb1.plus.bw" -> "reb1.plus".
std::string track_name(const std::string& path) { return std::filesystem::path(path).stem().string(); }

std::string unique_name(const std::string& name, std::set<std::string>& taken) {
  std::string candidate = name;
  for (int i = 2; !taken.insert(candidate).second; ++i) candidate = name + "." + std::to_string(i);
  return candidate;
}

std::string strand_in_group(std::size_t i, std::size_t group_size) {
  if (group_size != 2) return ".";
  return i == 0 ? "+" : "-";
}

/// The splits share no chromosome, and none names one twice.
void check_splits(const TrainConfig& config) {
  const std::pair<const char*, const std::vector<std::string>*> splits[] = {
      {"data.training_chromosomes", &config.training_chromosomes},
      {"data.validation_chromosomes", &config.validation_chromosomes},
      {"data.test_chromosomes", &config.test_chromosomes}};
  std::map<std::string, std::string> split_of;
  for (const auto& [split, chromosomes] : splits) {
    for (const std::string& chromosome : *chromosomes) {
      const auto [other, is_new] = split_of.emplace(chromosome, split);
      CHERI_REQUIRE_INPUT(is_new, chromosome << " stands in " << other->second << " and in " << split
                                             << "; a chromosome belongs to one split, once");
    }
  }
  for (const auto& [split, chromosomes] : {splits[0], splits[1]}) {
    CHERI_REQUIRE_INPUT(!chromosomes->empty(), split << " is empty, and must name at least one chromosome");
  }
}

void check_import(const data::ImportSpec& import) {
  CHERI_REQUIRE_INPUT(!import.sequences.empty(), "import.sequences is missing: the FASTA file of the genome");
  CHERI_REQUIRE_INPUT(!track_files(import.signals, false).empty(), "import.signals is empty: it must name bigWig files");
  CHERI_REQUIRE_INPUT(!import.peaks.empty(), "import.peaks is empty: it must name BED files");
}

}   // namespace

std::vector<data::SignalSource> track_sources(const TrackFiles& signals, const TrackFiles& controls) {
  std::vector<data::SignalSource> sources;
  std::set<std::string> names;
  for (const bool control : {false, true}) {
    const TrackFiles& groups = control ? controls : signals;
    for (std::size_t g = 0; g < groups.size(); ++g) {
      for (std::size_t i = 0; i < groups[g].size(); ++i) {
        const std::string& path = groups[g][i];
        sources.push_back(
            {path,
             {unique_name(track_name(path), names), static_cast<int>(g), strand_in_group(i, groups[g].size()), control}});
      }
    }
  }
  return sources;
}

TrackFiles track_files(const std::vector<data::SignalSource>& sources, bool control) {
  TrackFiles groups;
  for (const data::SignalSource& source : sources) {
    if (source.track.control != control) continue;
    groups.resize(std::max(groups.size(), static_cast<std::size_t>(source.track.group) + 1));
    groups[static_cast<std::size_t>(source.track.group)].push_back(source.path);
  }
  return groups;
}

int TrainConfig::slices() const {
  if (gradient_slices > 0) return gradient_slices;
  int slices = std::min(8, batch_size);
  while (batch_size % slices != 0) --slices;
  return slices;
}

nn::Precision TrainConfig::precision_wanted() const {
  if (precision == "fp32") return nn::Precision::fp32;
  return precision == "bf16" ? nn::Precision::bf16 : nn::Precision::tf32;
}

Criterion TrainConfig::criterion() const {
  if (best_by == "profile_pearson") return Criterion::profile_pearson;
  return best_by == "mean_pearson" ? Criterion::mean_pearson : Criterion::count_pearson;
}

void TrainConfig::check() const {
  deck::check_ranges(*this);
  CHERI_REQUIRE_INPUT(!name.empty(), "name is empty, and must be a title for the run");
  CHERI_REQUIRE_INPUT(!data.path.empty(), "data.file is missing: the tracks or examples file to learn from");
  CHERI_REQUIRE_INPUT(!data.peaks.empty(), "data.peaks is empty, and must name a set of loci");
  model.check();
  CHERI_REQUIRE_INPUT(precision == "auto" || precision == "fp32" || precision == "tf32" || precision == "bf16",
                      "training.precision is \"" << precision << "\", and must be auto, fp32, tf32 or bf16");
  CHERI_REQUIRE_INPUT(
      best_by == "count_pearson" || best_by == "profile_pearson" || best_by == "mean_pearson",
      "training.best_by is \"" << best_by << "\", and must be count_pearson, profile_pearson or mean_pearson");
  parallel::backend_of(backend);
  CHERI_REQUIRE_INPUT(data_mode == "auto" || data_mode == "device" || data_mode == "node" || data_mode == "stream",
                      "data.mode is \"" << data_mode << "\", and must be auto, device, node or stream");
  check_splits(*this);
  CHERI_REQUIRE_INPUT(batch_size % slices() == 0, "training.gradient_slices is "
                                                      << gradient_slices
                                                      << ", and must divide training.batch_size, which is " << batch_size);
  if (import) check_import(*import);
}

}   // namespace cheri::train
