#!/usr/bin/env bash
# Sets up, builds with warnings as errors, runs all tests, and checks format, names and the arrows between the rooms.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
CHERI_KOKKOS=$(jobs/setup.sh openmp)
export CHERI_KOKKOS

echo "== build"
cmake --preset ci
cmake --build --preset ci

echo "== format"
git ls-files '*.hpp' '*.cpp' | xargs clang-format --dry-run --Werror

echo "== names and common mistakes (clang-tidy)"
git ls-files 'src/*.cpp' 'apps/*.cpp' | xargs -P "$(nproc)" -n 4 clang-tidy --quiet -p build/ci

echo "== tests"
ctest --preset ci
