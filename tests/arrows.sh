#!/usr/bin/env bash
# arrows.sh ROOT: no room includes a header of a room to its right (base <- nn <- data <- parallel <- train <- apps).
# arrows.sh --self-test: a planted violation is found.
set -euo pipefail

check() {
  local root=$1 rooms=(base nn data parallel train) found=0 i j
  for i in "${!rooms[@]}"; do
    for ((j = i + 1; j < ${#rooms[@]}; j++)); do
      if grep -rnE "#include \"(cheri/)?${rooms[j]}/" "$root/include/cheri/${rooms[i]}" "$root/src/${rooms[i]}" 2> /dev/null; then
        echo "${rooms[i]} must not know ${rooms[j]}" >&2
        found=1
      fi
    done
  done
  return $found
}

if [ "$1" = --self-test ]; then
  root=$(mktemp -d)
  trap 'rm -rf "$root"' EXIT
  mkdir -p "$root/include/cheri/nn" "$root/src/nn/kernels"
  echo '#include "cheri/base/check.hpp"' > "$root/src/nn/kernels/a.cpp"
  check "$root"
  echo '#include "cheri/train/trainer.hpp"' >> "$root/src/nn/kernels/a.cpp"
  ! check "$root"
else
  check "$1"
fi
