#include "cheri/data/synthesize.hpp"

#include "cheri/base/check.hpp"
#include "cheri/data/tracks.hpp"
#include "data/intervals.hpp"
#include "data/negatives.hpp"
#include "data/raw_files.hpp"
#include "data/synthetic_world.hpp"

#include <filesystem>

namespace cheri::data {

namespace {

using World = std::vector<SyntheticChromosome>;

constexpr int negative_window = 600;   ///< the sites of a small genome leave no room for wider ones

struct WorldLoci {
  std::vector<Locus> peaks, negatives;
};

WorldLoci loci_of(const World& world, std::uint64_t seed) {
  WorldLoci loci;
  for (std::size_t c = 0; c < world.size(); ++c) {
    IntervalSet avoid;
    for (const Locus& peak : world[c].peaks) avoid.add(peak);
    const auto drawn =
        draw_negatives({negative_window, 1.0, seed}, static_cast<std::int32_t>(c), world[c].codes, world[c].peaks, avoid);
    loci.peaks.insert(loci.peaks.end(), world[c].peaks.begin(), world[c].peaks.end());
    loci.negatives.insert(loci.negatives.end(), drawn.loci.begin(), drawn.loci.end());
  }
  return loci;
}

void write_tracks(const std::string& path, const World& world, const WorldLoci& loci, const std::string& made_by) {
  std::vector<Chromosome> chromosomes;
  for (const auto& c : world) chromosomes.push_back({c.name, static_cast<std::int64_t>(c.codes.size())});
  TracksWriter writer(path, chromosomes, {{"plus", 0, "+", false}, {"minus", 0, "-", false}}, made_by);
  for (std::size_t i = 0; i < world.size(); ++i) {
    const int c = static_cast<int>(i);
    writer.sequence(c, world[i].codes);
    writer.signal(0, c, world[i].plus);
    writer.signal(1, c, world[i].minus);
  }
  writer.loci("peaks", loci.peaks);
  writer.loci("negatives", loci.negatives);
  writer.close();
}

void write_raw(const std::string& folder, const World& world, const WorldLoci& loci) {
  make_folder(folder);
  std::vector<std::string> names;
  std::vector<NamedSequence> sequences;
  std::vector<NamedValues> plus, minus;
  for (const SyntheticChromosome& chromosome : world) {
    names.push_back(chromosome.name);
    sequences.push_back({chromosome.name, &chromosome.codes});
    plus.push_back({chromosome.name, &chromosome.plus});
    minus.push_back({chromosome.name, &chromosome.minus});
  }
  write_fasta(folder + "/genome.fa.gz", sequences);
  write_bigwig(folder + "/plus.bw", plus);
  write_bigwig(folder + "/minus.bw", minus);
  write_bed(folder + "/peaks.narrowPeak", names, loci.peaks);
  write_bed(folder + "/negatives.bed", names, loci.negatives);
}

}   // namespace

void synthesize(const SyntheticSpec& spec, const std::string& made_by) {
  CHERI_REQUIRE_INPUT(!spec.out_path.empty(), "synthesize needs the name of the file to write");
  const World world = make_world(spec);
  const WorldLoci loci = loci_of(world, spec.seed);
  write_tracks(spec.out_path, world, loci, made_by);
  if (!spec.raw_folder.empty()) write_raw(spec.raw_folder, world, loci);
}

}   // namespace cheri::data
