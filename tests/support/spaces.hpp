// Typed tests for every execution space of the build: Host, and Device where that is another.
#pragma once

#include "cheri/base/types.hpp"

#include <gtest/gtest.h>

namespace cheri::testing {

using Spaces = std::conditional_t<has_separate_device, ::testing::Types<Host, Device>, ::testing::Types<Host>>;

}   // namespace cheri::testing
