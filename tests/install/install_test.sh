#!/usr/bin/env bash
# install_test.sh BUILD CONSUMER COMPILER FLAGS PREFIX_PATH
set -euo pipefail
build=$1 consumer=$2 compiler=$3 flags=$4 prefix_path=$5
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cmake --install "$build" --prefix "$work/prefix" > /dev/null
"$work/prefix/bin/cheri" --version
cmake -S "$consumer" -B "$work/build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_COMPILER="$compiler" \
  -DCMAKE_CXX_FLAGS="$flags" -DCMAKE_PREFIX_PATH="$work/prefix;$prefix_path"
cmake --build "$work/build"
[ "$("$work/build/consumer")" = "613892 parameters, 1000 logits" ]
