#include "cheri/data/inspect.hpp"

#include "cheri/base/check.hpp"
#include "cheri/data/examples.hpp"
#include "cheri/data/tracks.hpp"

#include <array>

#include <nlohmann/json.hpp>

namespace cheri::data {
namespace {

using Json = nlohmann::ordered_json;

Json as_json(const Track& track) {
  return {{"name", track.name},
          {"group", track.group},
          {"strand", track.strand},
          {"role", track.control ? "control" : "signal"}};
}

Json inspect_tracks(const TracksFile& file) {
  Json json;
  for (const Chromosome& chromosome : file.chromosomes()) {
    json["chromosomes"].push_back({{"name", chromosome.name}, {"length", chromosome.length}});
  }
  for (std::size_t t = 0; t < file.tracks().size(); ++t) {
    double total = 0;
    for (std::size_t c = 0; c < file.chromosomes().size(); ++c)
      total += file.total(static_cast<int>(t), static_cast<int>(c));
    Json track = as_json(file.tracks()[t]);
    track["type"] = name_of(file.signal_type(static_cast<int>(t)));
    track["total"] = total;
    json["tracks"].push_back(std::move(track));
  }
  for (const std::string& set : file.loci_sets()) {
    const LociReport left_out = file.left_out(set);
    json["loci"].push_back({{"set", set},
                            {"kept", file.loci(set).size()},
                            {"other chromosome", left_out.other_chromosome},
                            {"excluded", left_out.excluded}});
  }
  return json;
}

Json inspect_datasets(const Hdf5File& file, const std::vector<std::string>& names) {
  Json json;
  for (const std::string& name : names) {
    if (file.exists(name))
      json.push_back({{"name", name}, {"type", name_of(file.type(name))}, {"extents", file.extents(name)}});
  }
  return json;
}

/// Examples on each chromosome, where the file names them.
Json inspect_example_loci(const Hdf5File& file, std::uint64_t n) {
  std::vector<std::string> names = {""};
  std::vector<std::int32_t> chromosomes(n, 0);
  std::vector<std::uint8_t> kinds(n, static_cast<std::uint8_t>(LocusKind::peak));
  if (file.exists("/chromosomes/name")) names = file.read_strings("/chromosomes/name");
  if (file.exists("/loci/chrom")) chromosomes = file.read<std::int32_t>("/loci/chrom");
  if (file.exists("/loci/kind")) kinds = file.read<std::uint8_t>("/loci/kind");
  std::vector<std::array<std::int64_t, 2>> counts(names.size());
  for (std::size_t i = 0; i < chromosomes.size(); ++i) ++counts.at(static_cast<std::size_t>(chromosomes[i])).at(kinds.at(i));
  Json json;
  for (std::size_t c = 0; c < names.size(); ++c)
    json.push_back({{"chromosome", names[c]}, {"peaks", counts[c][0]}, {"negatives", counts[c][1]}});
  return json;
}

Json inspect_examples(const Hdf5File& file) {
  Json json;
  for (const char* window : {"in_window", "out_window", "max_jitter"}) {
    if (file.has_attribute("/", window)) json[window] = file.attribute<std::int64_t>("/", window);
  }
  for (const Track& track : read_tracks(file.path())) json["tracks"].push_back(as_json(track));
  json["datasets"] = inspect_datasets(file, {"/sequence", "/signal", "/control"});
  json["loci"] = inspect_example_loci(file, file.extents("/sequence")[0]);
  return json;
}

}   // namespace

std::string inspect_file(const std::string& path) {
  const Hdf5File file(path, Hdf5File::Access::read);
  read_tracks(path);   // throws for what is neither
  const auto format = file.attribute<std::string>("/", "format");
  Json json{{"file", path}, {"format", format}};
  for (const char* name : {"program", "made_by"}) {
    if (file.has_attribute("/", name)) json[name] = file.attribute<std::string>("/", name);
  }
  json.update(format == tracks_format ? inspect_tracks(TracksFile(path)) : inspect_examples(file));
  return json.dump();
}

}   // namespace cheri::data
