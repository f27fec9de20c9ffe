// libBigWig, whose header has constants named max and min: nvcc declares functions of these names ahead of everything.
#pragma once

// NOLINTBEGIN(readability-identifier-naming)
#define max bigwig_max
#define min bigwig_min
#include <bigWig.h>
#undef min
#undef max
// NOLINTEND(readability-identifier-naming)
