// Every number comes from integers of the numpy-compatible generator, or from counter_normal; no function of the platform's
// mathematics library is used, so that a seed makes the same world everywhere.
#include "data/synthetic_world.hpp"

#include "cheri/base/check.hpp"
#include "cheri/base/random.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

namespace cheri::data {

namespace {

// ---- factors -----------------------------------------------------------------------------------------------------------

/// A pile of tags near a site: 5' ends on one strand, spread as a triangle of 2 half_width + 1 positions around `offset`
/// from the middle of the motif. As for a motif on the forward strand; both are mirrored for one on the reverse strand.
struct Pile {
  std::uint32_t weight;
  bool forward;
  int offset;
  std::uint32_t half_width;
};

/// A factor binds where a sequence costs at most `highest_cost`: the sum, over the positions that differ from the best
/// sequence, of the cost of the position. An unspoilt site gives 2^log2_tags tags, every 4 of cost halve that.
struct Factor {
  std::string_view best;
  std::string_view costs;   ///< one digit a position
  double log2_tags;
  std::array<Pile, 4> piles;
};

constexpr int highest_cost = 12;
constexpr double doublings_per_cost = 0.25;

constexpr std::array<Factor, 5> factors = {{
    {"GTTACCCGGAACTC",
     "35989998998953",
     7.5,
     {{{8, true, -22, 4}, {8, false, 22, 4}, {2, true, -55, 20}, {2, false, 55, 20}}}},
    {"CATGACGTCATAGG",
     "43899799789934",
     7.0,
     {{{9, true, -14, 3}, {5, false, 30, 6}, {2, true, -70, 15}, {2, false, 70, 15}}}},
    {"TGCCAAATTGGTAC",
     "39889559988943",
     7.0,
     {{{4, true, -34, 8}, {9, false, 12, 3}, {3, true, 10, 5}, {2, false, 60, 20}}}},
    {"AGCTTCGAGGCATT", "44998998899853", 6.5, {{{7, true, -40, 5}, {7, false, 40, 5}, {3, true, -8, 3}, {3, false, 8, 3}}}},
    {"CCTAGATAACGTGA",
     "35899899979844",
     6.5,
     {{{6, true, -18, 12}, {6, false, 18, 12}, {4, true, -18, 2}, {1, false, 85, 10}}}},
}};

constexpr int motif_length = 14;
static_assert(std::all_of(factors.begin(), factors.end(),
                          [](const Factor& f) { return f.best.size() == motif_length && f.costs.size() == motif_length; }));

constexpr Code code_of(char base) { return static_cast<Code>(std::string_view("ACGT").find(base)); }

using Motif = std::array<Code, motif_length>;

Motif best_motif(const Factor& factor) {
  Motif motif{};
  for (std::size_t i = 0; i < motif.size(); ++i) motif[i] = code_of(factor.best[i]);
  return motif;
}

Motif reverse_complement(Motif motif) {
  std::reverse(motif.begin(), motif.end());
  for (Code& code : motif) code = static_cast<Code>(3 - code);
  return motif;
}

// ---- the genome --------------------------------------------------------------------------------------------------------

constexpr std::int64_t gc_block = 2000;   ///< GC changes every so many positions
constexpr std::uint32_t lowest_gc_percent = 30, gc_percent_range = 24;

std::vector<Code> random_sequence(std::int64_t length, NumpyRandom& random) {
  std::vector<Code> codes(static_cast<std::size_t>(length));
  std::uint32_t gc_percent = 0;
  for (std::int64_t p = 0; p < length; ++p) {
    if (p % gc_block == 0) gc_percent = lowest_gc_percent + random.interval(gc_percent_range);
    const bool gc = random.interval(99) < gc_percent, second = random.interval(1) == 1;
    codes[static_cast<std::size_t>(p)] = gc ? (second ? 1 : 2) : (second ? 0 : 3);
  }
  return codes;
}

/// A site of a factor with none to three changes that it still binds.
Motif graded_motif(const Factor& factor, NumpyRandom& random) {
  const Motif best = best_motif(factor);
  while (true) {
    Motif motif = best;
    int cost = 0;
    for (std::uint32_t changes = random.interval(3); changes > 0; --changes) {
      motif[random.interval(motif_length - 1)] = static_cast<Code>(random.interval(3));
    }
    for (std::size_t i = 0; i < motif.size(); ++i) cost += motif[i] == best[i] ? 0 : factor.costs[i] - '0';
    if (cost <= highest_cost) return motif;
  }
}

void plant(std::vector<Code>& codes, std::int64_t start, NumpyRandom& random) {
  const Factor& factor = factors[random.interval(factors.size() - 1)];
  Motif motif = graded_motif(factor, random);
  if (random.interval(1) == 1) motif = reverse_complement(motif);
  std::copy(motif.begin(), motif.end(), codes.begin() + start);
}

/// Plants one motif in the middle half of every stretch of length/n; every fourth has a neighbour within 50 to 110
/// positions.
void plant_sites(std::vector<Code>& codes, int n, NumpyRandom& random) {
  const std::int64_t stretch = static_cast<std::int64_t>(codes.size()) / n;
  for (std::int64_t i = 0; i < n; ++i) {
    const std::int64_t start = i * stretch + stretch / 4 + random.interval(static_cast<std::uint32_t>(stretch / 2));
    plant(codes, start, random);
    if (random.interval(3) == 0) plant(codes, start + 50 + random.interval(60), random);
  }
}

// ---- binding -----------------------------------------------------------------------------------------------------------

struct Site {
  std::int64_t middle;   ///< of the motif
  const Factor* factor;
  bool forward;
  int cost;
};

/// The cost of a factor at a position, or more than highest_cost.
int cost_at(const Code* codes, const Motif& motif, const std::array<int, motif_length>& costs) {
  int cost = 0;
  for (std::size_t i = 0; i < motif.size() && cost <= highest_cost; ++i) cost += codes[i] == motif[i] ? 0 : costs[i];
  return cost;
}

/// Wherever a factor binds, planted or by chance, in order of position.
std::vector<Site> bound_sites(const std::vector<Code>& codes) {
  std::vector<Site> sites;
  for (const Factor& factor : factors) {
    std::array<int, motif_length> costs{};
    for (std::size_t i = 0; i < costs.size(); ++i) costs[i] = factor.costs[i] - '0';
    for (const bool forward : {true, false}) {
      const Motif motif = forward ? best_motif(factor) : reverse_complement(best_motif(factor));
      if (!forward) std::reverse(costs.begin(), costs.end());
      for (std::size_t p = 0; p + motif_length <= codes.size(); ++p) {
        const int cost = cost_at(codes.data() + p, motif, costs);
        if (cost <= highest_cost) sites.push_back({static_cast<std::int64_t>(p) + motif_length / 2, &factor, forward, cost});
      }
    }
  }
  std::stable_sort(sites.begin(), sites.end(), [](const Site& a, const Site& b) { return a.middle < b.middle; });
  return sites;
}

// ---- tags --------------------------------------------------------------------------------------------------------------

constexpr double log2_noise = 0.35;                ///< standard deviation of log2 of a site's tags
constexpr std::int64_t background_spacing = 100;   ///< positions to one tag of the background, on each strand

/// 2^x, |x| < 1000: 2^round(x) times the Taylor series of the rest, with every product fused to its sum, so that the result
/// does not depend on the mathematics library. The terms left out are below 1e-18.
double portable_exp2(double x) {
  const double whole = std::floor(x + 0.5);
  const double power = (x - whole) * 0.69314718055994531;
  double sum = 1;
  for (int k = 16; k > 0; --k) sum = std::fma(power / k, sum, 1.0);
  return std::ldexp(sum, static_cast<int>(whole));
}

std::int64_t number_of_tags(const Site& site, double normal) {
  const double log2_tags = site.factor->log2_tags - doublings_per_cost * site.cost;   // exact: quarters
  return std::llround(portable_exp2(std::fma(log2_noise, normal, log2_tags)));
}

void add_tag(SyntheticChromosome& chromosome, bool forward, std::int64_t position) {
  if (position < 0 || position >= static_cast<std::int64_t>(chromosome.codes.size())) return;
  (forward ? chromosome.plus : chromosome.minus)[static_cast<std::size_t>(position)] += 1;
}

const Pile& draw_pile(const Factor& factor, NumpyRandom& random) {
  std::uint32_t total = 0;
  for (const Pile& pile : factor.piles) total += pile.weight;
  std::uint32_t drawn = random.interval(total - 1);
  std::size_t i = 0;
  for (; drawn >= factor.piles[i].weight; ++i) drawn -= factor.piles[i].weight;
  return factor.piles[i];
}

void add_site_tags(SyntheticChromosome& chromosome, const Site& site, std::int64_t n, NumpyRandom& random) {
  for (std::int64_t i = 0; i < n; ++i) {
    const Pile& pile = draw_pile(*site.factor, random);
    const std::int64_t spread =
        std::int64_t{random.interval(pile.half_width)} + random.interval(pile.half_width) - pile.half_width;
    const std::int64_t offset = pile.offset + spread;
    if (site.forward) add_tag(chromosome, pile.forward, site.middle + offset);
    else add_tag(chromosome, !pile.forward, site.middle - 1 - offset);   // the middle lies between two positions
  }
}

void add_background(SyntheticChromosome& chromosome, NumpyRandom& random) {
  const auto length = static_cast<std::int64_t>(chromosome.codes.size());
  for (const bool forward : {true, false}) {
    for (std::int64_t i = 0; i < length / background_spacing; ++i) {
      add_tag(chromosome, forward, random.interval(static_cast<std::uint32_t>(length - 1)));
    }
  }
}

// ---- peaks -------------------------------------------------------------------------------------------------------------

constexpr std::int64_t peak_width = 200, joined_within = 150;
constexpr std::uint32_t largest_shift = 60;

/// One peak for every run of sites less than 150 apart: around the site with the least cost, but up to 60 beside it.
std::vector<Locus> call_peaks(const std::vector<Site>& sites, std::int32_t chromosome, std::int64_t length,
                              NumpyRandom& random) {
  std::vector<Locus> peaks;
  for (std::size_t i = 0; i < sites.size();) {
    const Site* strongest = &sites[i];
    std::size_t next = i + 1;
    for (; next < sites.size() && sites[next].middle - sites[next - 1].middle < joined_within; ++next) {
      if (sites[next].cost < strongest->cost) strongest = &sites[next];
    }
    const std::int64_t summit = strongest->middle + random.interval(2 * largest_shift) - largest_shift;
    const Locus peak{chromosome, summit - peak_width / 2, summit + peak_width / 2, peak_width / 2};
    if (peak.start >= 0 && peak.end <= length) peaks.push_back(peak);
    i = next;
  }
  return peaks;
}

void check_spec(const SyntheticSpec& spec) {
  CHERI_REQUIRE_INPUT(spec.n_chromosomes >= 1,
                      "a synthetic genome has 1 or more chromosomes, and not " << spec.n_chromosomes);
  CHERI_REQUIRE_INPUT(spec.n_sites >= spec.n_chromosomes, "a synthetic genome has a site or more on each of its "
                                                              << spec.n_chromosomes << " chromosomes, and not "
                                                              << spec.n_sites);
  constexpr std::int64_t longest = 1 << 30, least_stretch = 600;
  const std::int64_t stretch = spec.chromosome_length / ((spec.n_sites + spec.n_chromosomes - 1) / spec.n_chromosomes);
  CHERI_REQUIRE_INPUT(spec.chromosome_length <= longest && stretch >= least_stretch,
                      spec.n_sites << " sites on " << spec.n_chromosomes << " chromosomes of " << spec.chromosome_length
                                   << " leave " << stretch << " positions to a site; needed are " << least_stretch
                                   << ", and at most 2^30 to a chromosome");
}

}   // namespace

std::vector<SyntheticChromosome> make_world(const SyntheticSpec& spec) {
  check_spec(spec);
  const std::array<std::uint32_t, 2> key = {static_cast<std::uint32_t>(spec.seed),
                                            static_cast<std::uint32_t>(spec.seed >> 32)};
  NumpyRandom random(philox4x32({0, 0, 0, 0}, key)[0]);
  std::vector<SyntheticChromosome> chromosomes;
  std::uint64_t sites_so_far = 0;
  for (int c = 0; c < spec.n_chromosomes; ++c) {
    SyntheticChromosome chromosome;
    chromosome.name = "chr" + std::to_string(c + 1);
    chromosome.codes = random_sequence(spec.chromosome_length, random);
    plant_sites(chromosome.codes, (spec.n_sites + c) / spec.n_chromosomes, random);

    chromosome.plus.resize(chromosome.codes.size());
    chromosome.minus.resize(chromosome.codes.size());
    const std::vector<Site> sites = bound_sites(chromosome.codes);
    for (const Site& site : sites) {
      add_site_tags(chromosome, site, number_of_tags(site, counter_normal(spec.seed, sites_so_far++)), random);
    }
    add_background(chromosome, random);
    chromosome.peaks = call_peaks(sites, c, spec.chromosome_length, random);
    chromosomes.push_back(std::move(chromosome));
  }
  return chromosomes;
}

}   // namespace cheri::data
