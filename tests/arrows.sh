#!/usr/bin/env bash
# arrows.sh ROOT: no room includes a header of a room to its right (base <- nn <- data <- parallel <- train <- apps), none left of
# data includes HDF5 and none left of parallel includes MPI.
# arrows.sh --self-test: planted violations are found.
set -euo pipefail

rooms=(base nn data parallel train apps)

# Prints each include in ROOM that names PATTERN.
includes() {   # ROOT ROOM PATTERN
  local folder found=1
  for folder in "$1/include/cheri/$2" "$1/src/$2"; do
    [ -d "$folder" ] && grep -rnE "^ *# *include *[<\"]$3" "$folder" && found=0
  done
  return $found
}

check() {   # ROOT
  local broken=0 i j pattern
  [ -d "$1/src/${rooms[0]}" ] || { echo "$1: no src/${rooms[0]} here, expected the root of Cheri's sources" >&2; return 2; }
  for i in "${!rooms[@]}"; do
    for ((j = i + 1; j < ${#rooms[@]}; j++)); do
      pattern="((\.\./)*(cheri/)?${rooms[j]}/"
      [ "${rooms[j]}" = data ] && pattern+="|hdf5"
      [ "${rooms[j]}" = parallel ] && pattern+="|mpi\.h"
      if includes "$1" "${rooms[i]}" "$pattern)"; then
        echo "${rooms[i]} must not know ${rooms[j]}" >&2
        broken=1
      fi
    done
  done
  return $broken
}

# A small tree of rooms passes; with LINE in FILE it must not.
plant() {   # FILE LINE
  local root status=0
  root=$(mktemp -d)
  mkdir -p "$root"/{include/cheri,src}/{base,nn/kernels,data,parallel,train}
  echo '#include "cheri/base/check.hpp"' > "$root/src/nn/kernels/block.cpp"
  echo '#include <hdf5.h>' > "$root/src/data/tracks.cpp"
  echo '#include <mpi.h>' > "$root/include/cheri/parallel/reducer.hpp"
  check "$root" || { echo "a tree that keeps the rules was refused" >&2; status=1; }
  echo "$2" >> "$root/$1"
  ! check "$root" || { echo "not found: $2 in $1" >&2; status=1; }
  rm -rf "$root"
  return $status
}

if [ "${1:-}" = --self-test ]; then
  plant src/nn/kernels/block.cpp '#include "cheri/train/trainer.hpp"'
  plant include/cheri/base/check.hpp '#  include <cheri/nn/ops.hpp>'
  plant src/base/check.cpp '#include "../train/svg.hpp"'
  plant src/parallel/reducer.cpp '#include "train/svg.hpp"'
  plant src/train/trainer.cpp '#include "apps/options.hpp"'
  plant src/nn/kernels/block.cpp '#include <hdf5.h>'
  plant src/data/dataset.cpp '#include <mpi.h>'
else
  check "${1:?arrows.sh ROOT, the folder of the sources}"
fi
