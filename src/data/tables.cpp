#include "tables.hpp"

#include "cheri/base/check.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <limits>
#include <set>

namespace cheri::data {

namespace {

/// Names become the names of HDF5 links, and of columns in tables.
void check_name(const std::string& path, const std::string& kind, const std::string& name, std::set<std::string>& taken) {
  CHERI_REQUIRE_INPUT(
      !name.empty() && name != "." && name.find('/') == std::string::npos,
      path << ": \"" << name << "\" cannot be the name of a " << kind << "; it must not be empty or \".\", or hold a \"/\"");
  CHERI_REQUIRE_INPUT(taken.insert(name).second, path << ": two " << kind << "s have the name \"" << name << '"');
}

void check_group_order(const std::string& path, const std::vector<Track>& tracks, bool control) {
  int group = -1;
  for (const Track& track : tracks) {
    if (track.control != control) continue;
    CHERI_REQUIRE_INPUT(track.group == group || track.group == group + 1,
                        path << ": track \"" << track.name << "\" has the group " << track.group << " after " << group
                             << "; groups count from 0, and the tracks of one stand together");
    group = track.group;
  }
}

}   // namespace

std::string dataset_of(const Chromosome& chromosome) { return "/sequence/" + chromosome.name; }

std::string dataset_of(const Track& track, const Chromosome& chromosome) {
  return "/signal/" + track.name + "/" + chromosome.name;
}

void check_chromosomes(const std::string& path, const std::vector<Chromosome>& chromosomes) {
  CHERI_REQUIRE_INPUT(!chromosomes.empty(), path << ": there is no chromosome");
  std::set<std::string> names;
  for (const Chromosome& chromosome : chromosomes) {
    check_name(path, "chromosome", chromosome.name, names);
    CHERI_REQUIRE_INPUT(chromosome.length >= 1, path << ": chromosome \"" << chromosome.name << "\" has the length "
                                                     << chromosome.length << ", and must have at least 1");
  }
}

void check_tracks(const std::string& path, const std::vector<Track>& tracks) {
  CHERI_REQUIRE_INPUT(!tracks.empty() && !tracks.front().control, path << ": the first track must be a signal");
  std::set<std::string> names;
  for (const Track& track : tracks) {
    check_name(path, "track", track.name, names);
    CHERI_REQUIRE_INPUT(track.strand == "+" || track.strand == "-" || track.strand == ".",
                        path << ": track \"" << track.name << "\" has the strand \"" << track.strand
                             << "\", and must have \"+\", \"-\" or \".\"");
  }
  const auto is_signal = [](const Track& track) { return !track.control; };
  CHERI_REQUIRE_INPUT(std::is_partitioned(tracks.begin(), tracks.end(), is_signal),
                      path << ": signals must come before controls");
  check_group_order(path, tracks, false);
  check_group_order(path, tracks, true);
}

void check_loci(const std::string& path, const std::string& set, const std::vector<Locus>& loci,
                const std::vector<Chromosome>& chromosomes) {
  for (std::size_t i = 0; i < loci.size(); ++i) {
    const Locus& locus = loci[i];
    const auto chromosome = static_cast<std::size_t>(locus.chromosome);
    CHERI_REQUIRE_INPUT(locus.chromosome >= 0 && chromosome < chromosomes.size(),
                        path << ": locus " << i << " of " << set << " is on chromosome " << locus.chromosome << " of "
                             << chromosomes.size());
    const auto& [name, length] = chromosomes[chromosome];
    CHERI_REQUIRE_INPUT(0 <= locus.start && locus.start < locus.end && locus.end <= length,
                        path << ": locus " << i << " of " << set << ", " << name << ':' << locus.start << '-' << locus.end
                             << ", is not inside its chromosome of " << length << " bp");
    CHERI_REQUIRE_INPUT(-1 <= locus.summit && locus.summit < locus.end - locus.start,
                        path << ": locus " << i << " of " << set << ", " << name << ':' << locus.start << '-' << locus.end
                             << ", has its summit outside, at " << locus.summit);
  }
}

std::vector<Track> read_track_table(const Hdf5File& file) {
  const auto names = file.read_strings("/tracks/name"), strands = file.read_strings("/tracks/strand"),
             roles = file.read_strings("/tracks/role");
  const auto groups = file.read<std::int32_t>("/tracks/group");
  CHERI_REQUIRE_INPUT(groups.size() == names.size() && strands.size() == names.size() && roles.size() == names.size(),
                      file.path() << ": the datasets of /tracks have " << names.size() << ", " << groups.size() << ", "
                                  << strands.size() << " and " << roles.size() << " rows; they must have the same number");
  std::vector<Track> tracks;
  for (std::size_t i = 0; i < names.size(); ++i) {
    CHERI_REQUIRE_INPUT(roles[i] == "signal" || roles[i] == "control",
                        file.path() << ": track \"" << names[i] << "\" has the role \"" << roles[i]
                                    << "\", and must have \"signal\" or \"control\"");
    tracks.push_back({names[i], groups[i], strands[i], roles[i] == "control"});
  }
  check_tracks(file.path(), tracks);
  return tracks;
}

void write_track_table(Hdf5File& file, const std::vector<Track>& tracks) {
  std::vector<std::string> names, strands, roles;
  std::vector<std::int32_t> groups;
  for (const Track& track : tracks) {
    names.push_back(track.name);
    groups.push_back(track.group);
    strands.push_back(track.strand);
    roles.emplace_back(track.control ? "control" : "signal");
  }
  file.write_strings("/tracks/name", names);
  file.write("/tracks/group", groups);
  file.write_strings("/tracks/strand", strands);
  file.write_strings("/tracks/role", roles);
}

std::vector<Locus> read_locus_table(const Hdf5File& file, const std::string& folder) {
  const auto chromosomes = file.read<std::int32_t>(folder + "/chrom");
  const auto starts = file.read<std::int64_t>(folder + "/start"), ends = file.read<std::int64_t>(folder + "/end");
  auto summits = std::vector<std::int64_t>(starts.size(), -1);
  if (file.exists(folder + "/summit")) summits = file.read<std::int64_t>(folder + "/summit");
  CHERI_REQUIRE_INPUT(
      starts.size() == chromosomes.size() && ends.size() == chromosomes.size() && summits.size() == chromosomes.size(),
      file.path() << ": the datasets of " << folder << " have " << chromosomes.size() << ", " << starts.size() << ", "
                  << ends.size() << " and " << summits.size() << " rows; they must have the same number");
  std::vector<Locus> loci;
  for (std::size_t i = 0; i < starts.size(); ++i) loci.push_back({chromosomes[i], starts[i], ends[i], summits[i]});
  return loci;
}

void write_locus_table(Hdf5File& file, const std::string& folder, const std::vector<Locus>& loci) {
  std::vector<std::int32_t> chromosomes;
  std::vector<std::int64_t> starts, ends, summits;
  for (const Locus& locus : loci) {
    chromosomes.push_back(locus.chromosome);
    starts.push_back(locus.start);
    ends.push_back(locus.end);
    summits.push_back(locus.summit);
  }
  file.write(folder + "/chrom", chromosomes);
  file.write(folder + "/start", starts);
  file.write(folder + "/end", ends);
  file.write(folder + "/summit", summits);
}

void check_signal(const std::string& path, const std::string& what, std::span<const float> values, std::uint64_t first) {
  const auto wrong =
      std::find_if(values.begin(), values.end(), [](float value) { return !(value >= 0 && std::isfinite(value)); });
  CHERI_REQUIRE_INPUT(wrong == values.end(), path << ": " << what << " holds " << *wrong << " at "
                                                  << first + static_cast<std::uint64_t>(wrong - values.begin())
                                                  << "; signals must be finite and not negative");
}

void check_codes(const std::string& path, const std::string& what, std::span<const Code> codes, std::uint64_t first) {
  const auto wrong = std::find_if(codes.begin(), codes.end(), [](Code code) { return code > 4; });
  CHERI_REQUIRE_INPUT(wrong == codes.end(), path << ": " << what << " holds " << int{*wrong} << " at "
                                                 << first + static_cast<std::uint64_t>(wrong - codes.begin())
                                                 << "; codes must be 0 to 3 for ACGT, or 4 for any other letter");
}

ElementType narrowest_type(std::span<const float> values) {
  float largest = 0;
  for (const float value : values) {
    if (value != std::trunc(value)) return ElementType::f32;
    largest = std::max(largest, value);
  }
  if (largest <= static_cast<float>(std::numeric_limits<std::uint8_t>::max())) return ElementType::u8;
  if (largest <= static_cast<float>(std::numeric_limits<std::uint16_t>::max())) return ElementType::u16;
  return largest < 0x1p32f ? ElementType::u32 : ElementType::f32;
}

ElementType wider_of(ElementType a, ElementType b) {
  constexpr std::array order = {ElementType::u8, ElementType::u16, ElementType::u32, ElementType::f32};
  return *std::max(std::find(order.begin(), order.end(), a), std::find(order.begin(), order.end(), b));
}

}   // namespace cheri::data
