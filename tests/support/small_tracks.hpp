// A tracks file of a few thousand positions with everything that one can hold: a stranded pair, a second group, a stranded
// pair of controls, a chromosome without data, values of each type, loci near the ends.
#pragma once

#include "cheri/base/random.hpp"
#include "cheri/data/tracks.hpp"

#include <string>
#include <vector>

namespace cheri::testing {

struct SmallTracks {
  std::vector<data::Chromosome> chromosomes = {{"chrI", 3000}, {"chrII", 2000}, {"chrM", 300}};
  std::vector<data::Track> tracks = {{"pair.plus", 0, "+", false},
                                     {"pair.minus", 0, "-", false},
                                     {"single", 1, ".", false},
                                     {"input.plus", 0, "+", true},
                                     {"input.minus", 0, "-", true}};
  std::vector<std::vector<Code>> codes;                   ///< (chromosome, position)
  std::vector<std::vector<std::vector<float>>> signals;   ///< (track, chromosome, position)
  std::vector<data::Locus> peaks, negatives;

  SmallTracks() {
    NumpyRandom random(7);
    for (const data::Chromosome& chromosome : chromosomes) {
      codes.emplace_back();
      for (std::int64_t i = 0; i < chromosome.length; ++i) codes.back().push_back(static_cast<Code>(random.interval(4)));
    }
    const std::vector<std::uint32_t> largest = {3, 300, 5, 1, 2};
    for (std::size_t t = 0; t < tracks.size(); ++t) {
      signals.emplace_back();
      for (const data::Chromosome& chromosome : chromosomes) {
        signals.back().emplace_back(static_cast<std::size_t>(chromosome.length), 0.0f);
        if (chromosome.name == "chrM") continue;
        for (float& value : signals.back().back()) value = static_cast<float>(random.interval(largest[t]));
      }
    }
    for (std::int64_t start = 10; start < 2900; start += 97) peaks.push_back({0, start, start + 60, 20});
    for (std::int64_t start = 5; start < 1900; start += 61) peaks.push_back({1, start, start + 40, -1});
    for (std::int64_t start = 0; start < 2900; start += 191) negatives.push_back({0, start, start + 80, -1});
    for (std::int64_t start = 30; start < 1900; start += 211) negatives.push_back({1, start, start + 80, -1});
    negatives.push_back({2, 100, 200, -1});
  }

  void write(const std::string& path) const {
    data::TracksWriter writer(path, chromosomes, tracks, "a test");
    for (std::size_t c = 0; c < chromosomes.size(); ++c) {
      writer.sequence(static_cast<int>(c), codes[c]);
      if (chromosomes[c].name == "chrM") continue;
      for (std::size_t t = 0; t < tracks.size(); ++t) writer.signal(static_cast<int>(t), static_cast<int>(c), signals[t][c]);
    }
    writer.loci("peaks", peaks, {0, 2, 0, 5, 0});
    writer.loci("negatives", negatives);
    writer.close();
  }
};

}   // namespace cheri::testing
