// The files of a sequencing experiment, as other programs read them.
#pragma once

#include "cheri/base/types.hpp"
#include "cheri/data/loci.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace cheri::data {

/// A sequence and its name.
struct NamedSequence {
  std::string name;
  const std::vector<Code>* codes;
};

/// Values of every position of a chromosome.
struct NamedValues {
  std::string name;
  const std::vector<float>* values;
};

/// A gzipped FASTA file in lines of 60; code 4 is N.
void write_fasta(const std::string& path, const std::vector<NamedSequence>& sequences);

/// A bigWig file with one interval for every run of equal values; zeros are left out.
void write_bigwig(const std::string& path, const std::vector<NamedValues>& chromosomes);

/// BED files: loci with a summit as narrowPeak, the others with three columns.
void write_bed(const std::string& path, const std::vector<std::string>& chromosomes, const std::vector<Locus>& loci);

}   // namespace cheri::data
