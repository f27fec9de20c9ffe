#!/usr/bin/env bash
# Sets up a bare Debian 12 or Ubuntu 24.04 machine for building Cheri, and prints the folder of the Kokkos it made:
#
#     export CHERI_KOKKOS=$(jobs/setup.sh openmp)     # or: cuda
#
# Debian packages through apt (as root or with sudo), Kokkos built once into a cache folder outside the source tree,
# ${CHERI_CACHE:-~/.cache/cheri}, keyed by version, backend, processor and compiler. What is there already is left alone,
# so that with a warm cache nothing is downloaded and no right is needed. A site with its own Kokkos >= 4.5, MPI and HDF5 needs none
# of this: set CHERI_KOKKOS to that Kokkos.
set -euo pipefail

backend=${1:-openmp}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${CHERI_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/cheri}
kokkos_version=4.5.01
# The sdist of this PyPI package holds the unmodified sources of Kokkos in its folder kokkos/.
archive_name=pycompadre archive_version=1.7.6
archive_sha256=c766ec4d445ce076069be4b8c51a23ffac4ee79ea949ca86446bfd8c299b154c
packages=(ccache cmake clang-format clang-tidy g++ git libbenchmark-dev libbigwig-dev libcli11-dev libfmt-dev libgtest-dev
  libhdf5-dev libopenmpi-dev libspdlog-dev libssl-dev libtomlplusplus-dev ninja-build nlohmann-json3-dev
  openmpi-bin pkg-config python3-h5py python3-numpy python3-pip zlib1g-dev)

say() { echo "setup: $*" >&2; }
die() { say "$*"; exit 1; }

install_packages() {
  command -v apt-get >/dev/null || { say "no apt-get here: needed are ${packages[*]}"; return; }
  local missing=() package
  for package in "${packages[@]}"; do
    dpkg-query -W -f '${Status}\n' "$package" 2>/dev/null | grep -q '^install ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  say "installing ${missing[*]}"
  local root=()
  [ "$(id -u)" = 0 ] || root=(sudo)
  "${root[@]}" apt-get update -qq >&2
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}" >&2
}

fetch_archive() {
  local archive=$cache/$archive_name-$archive_version.tar.gz
  if [ ! -f "$archive" ]; then
    say "downloading the sources of Kokkos $kokkos_version"
    mkdir -p "$cache/download"
    /usr/bin/python3 -m pip download -q --no-deps --no-binary "$archive_name" -d "$cache/download" \
      "$archive_name==$archive_version" >&2
    mv "$cache/download/$archive_name-$archive_version.tar.gz" "$archive"
  fi
  echo "$archive_sha256  $archive" | sha256sum --check --quiet - >&2 ||
    die "$archive is not the expected file: remove it and run this again"
  echo "$archive"
}

# Builds Kokkos into $1; a prefix is whole or absent.
build_kokkos() {
  local prefix=$1 archive work
  archive=$(fetch_archive)
  work=$(mktemp -d)
  trap 'rm -rf "$work"' RETURN
  say "building Kokkos $kokkos_version for $backend into $prefix"
  tar -xzf "$archive" -C "$work" --strip-components=1 "$archive_name-$archive_version/kokkos"
  local options=(-G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_STANDARD=20 -DKokkos_ENABLE_SERIAL=ON -DKokkos_ENABLE_OPENMP=ON
    -DKokkos_ARCH_NATIVE=ON -DCMAKE_INSTALL_PREFIX="$prefix.part")
  if [ "$backend" = cuda ]; then
    options+=(-DKokkos_ENABLE_CUDA=ON -DKokkos_ARCH_HOPPER90=ON -DCMAKE_CXX_COMPILER="$work/kokkos/bin/nvcc_wrapper"
      -DCMAKE_CXX_FLAGS="-arch=sm_90 -include $here/cmake/cuda13.hpp")
  fi
  rm -rf "$prefix.part"
  cmake -S "$work/kokkos" -B "$work/build" "${options[@]}" > "$prefix.log" 2>&1 &&
    cmake --build "$work/build" --target install >> "$prefix.log" 2>&1 || die "Kokkos did not build: see $prefix.log"
  mv "$prefix.part" "$prefix"
}

case $backend in
  openmp) compiler=$(install_packages && g++ -dumpfullversion) ;;
  cuda)
    command -v nvcc >/dev/null || die "the cuda backend needs nvcc on the PATH"
    compiler=$(install_packages && g++ -dumpfullversion)-nvcc$(nvcc --version | sed -n 's/.*release \([0-9.]*\).*/\1/p') ;;
  *) die "the backend is openmp or cuda, not $backend" ;;
esac
processor=$(g++ -march=native -Q --help=target | sha256sum | cut -c1-8)
prefix=$cache/kokkos-$kokkos_version-$backend-$processor-gcc$compiler
mkdir -p "$cache"
[ -d "$prefix" ] || build_kokkos "$prefix"
echo "$prefix"
