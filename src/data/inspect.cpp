#include "cheri/data/inspect.hpp"

#include "cheri/base/check.hpp"
#include "cheri/data/examples.hpp"
#include "cheri/data/tracks.hpp"

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

Json inspect_examples(const Hdf5File& file) {
  Json json;
  for (const char* window : {"in_window", "out_window", "max_jitter"}) {
    if (file.has_attribute("/", window)) json[window] = file.attribute<std::int64_t>("/", window);
  }
  for (const Track& track : read_tracks(file.path())) json["tracks"].push_back(as_json(track));
  for (const char* dataset : {"/sequence", "/signal", "/control"}) {
    if (file.exists(dataset))
      json["datasets"].push_back(
          {{"name", dataset}, {"type", name_of(file.type(dataset))}, {"extents", file.extents(dataset)}});
  }
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
