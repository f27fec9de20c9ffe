#!/usr/bin/env bash
# Sets up, builds the preset `ci` (warnings are errors) and passes every check: format, names and pitfalls of the sources, tests.
# Runs from any folder. JOBS is how many to run at once, the number of cores unless given.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
jobs=${JOBS:-$(nproc)}
build=build/ci
failed=()

say() { printf '\n== test: %s\n' "$*"; }
# Runs a check to its end; one that fails is named at the end, so that one run shows all faults.
check() {
  local name=$1 start=$SECONDS
  shift
  say "$name"
  "$@" || failed+=("$name")
  echo "$name took $((SECONDS - start)) s"
}

check_format() { find include src apps tests cmake -regex '.*\.\([ch]pp\|cuh?\)' -print0 | xargs -0 clang-format --dry-run --Werror; }

# The sources of rooms and programs, with the flags that they are built with; headers are seen through them.
check_source() {
  sed -n "s,^ *\"file\": \"\($PWD/\(src\|apps\)/.*\)\".*,\1,p" $build/compile_commands.json |
    xargs -d '\n' -n 1 -P "$jobs" clang-tidy -p $build --quiet 2> >(grep -v 'warnings\? generated' >&2)
}

say "set up and build"
CHERI_KOKKOS=$(jobs/setup.sh openmp)
export CHERI_KOKKOS
cmake --preset ci
cmake --build --preset ci -j "$jobs"
check "format (clang-format)" check_format
check "names and pitfalls (clang-tidy)" check_source
check "tests (ctest)" ctest --preset ci

if [ ${#failed[@]} -gt 0 ]; then
  printf 'test: FAILED: %s\n' "${failed[@]}" >&2
  exit 1
fi
echo "test: everything passed in $SECONDS s"
