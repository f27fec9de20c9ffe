#!/usr/bin/env bash
# Sets up a bare Debian 12 or Ubuntu 24.04 machine for building Cheri, and prints the folder of the Kokkos it made:
#
#     export CHERI_KOKKOS=$(jobs/setup.sh openmp)     # or: cuda, tsan (for the preset of that name)
#     jobs/setup.sh slurm                             # only the packages that tests/slurm starts a Slurm of its own with
#
# Debian packages through apt (as root or with sudo); Kokkos and Kokkos Kernels built once into a cache folder outside the source
# tree, ${CHERI_CACHE:-~/.cache/cheri}, keyed by version, backend, processor and compiler; NCCL beside them for cuda, unless the
# machine has it. What is there already is left alone, so that with a warm cache nothing is downloaded and no right is needed. A
# site with its own Kokkos >= 4.5, MPI and HDF5 needs none of this: set CHERI_KOKKOS to that Kokkos.
set -euo pipefail

backend=${1:-openmp}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${CHERI_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/cheri}
kokkos_version=4.5.01
# The sdist of this PyPI package holds the unmodified sources in its folders kokkos/ and kokkos-kernels/.
archive_name=pycompadre archive_version=1.7.6
archive_sha256=c766ec4d445ce076069be4b8c51a23ffac4ee79ea949ca86446bfd8c299b154c
nccl=nvidia-nccl-cu13==2.28.9
nccl_sha256=e4553a30f34195f3fa1da02a6da3d6337d28f2003943aa0a3d247bbc25fefc42
packages=(ccache clang clang-format clang-tidy cmake g++ git libbigwig-dev libcli11-dev libfmt-dev libgtest-dev libhdf5-dev
  libomp-dev libopenmpi-dev libspdlog-dev libssl-dev libtomlplusplus-dev ninja-build nlohmann-json3-dev openmpi-bin pkg-config
  python3-h5py python3-numpy python3-packaging python3-pip python3-setuptools python3-wheel zlib1g-dev)

say() { echo "setup: $*" >&2; }
die() { say "$*"; exit 1; }

install_packages() {
  command -v apt-get > /dev/null || { say "no apt-get here: needed are ${packages[*]}"; return; }
  local missing=() package
  for package in "${packages[@]}"; do
    dpkg-query -W -f '${Status}\n' "$package" 2> /dev/null | grep -q '^install ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  say "installing ${missing[*]}"
  local root=()
  if [ "$(id -u)" != 0 ]; then
    command -v sudo > /dev/null || die "neither root nor sudo: have an administrator install ${missing[*]}"
    root=(sudo)
  fi
  "${root[@]}" apt-get update -qq >&2
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
}

# Puts the archive into the cache. pip also reads the package's metadata, which wants python3-packaging and python3-setuptools:
# those of the system, so that nothing else is downloaded.
fetch_archive() {
  local archive=$1 download=$cache/download
  if [ ! -f "$archive" ]; then
    say "downloading the sources of Kokkos $kokkos_version"
    /usr/bin/python3 -m pip download -q --no-deps --no-build-isolation --no-binary "$archive_name" -d "$download" \
      "$archive_name==$archive_version" >&2 || die "no download: put $archive_name-$archive_version.tar.gz into $cache by hand"
    mv "$download/${archive##*/}" "$archive"
  fi
  echo "$archive_sha256  $archive" | sha256sum --check --quiet - >&2 ||
    die "$archive is not the expected file: remove it and run this again"
}

# cmake_install SOURCE OPTIONS...: into $prefix.part, everything that is said into the log.
cmake_install() {
  local source=$1
  shift
  cmake -S "$source" -B "$source/build" -G Ninja -DCMAKE_INSTALL_PREFIX="$prefix.part" -DCMAKE_CXX_STANDARD=20 "$@" \
    >> "$prefix.log" 2>&1 &&
    cmake --build "$source/build" -j "${JOBS:-$(nproc)}" --target install >> "$prefix.log" 2>&1 ||
    die "${source##*/} did not build: see $prefix.log"
}

# Builds both libraries into $prefix, which is whole or absent.
build_kokkos() {
  local archive=$cache/$archive_name-$archive_version.tar.gz
  fetch_archive "$archive"
  say "building Kokkos $kokkos_version for $backend into $prefix"
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  tar -xzf "$archive" -C "$work" --strip-components=1 "$archive_name-$archive_version"/kokkos{,-kernels}
  local kokkos=(-DKokkos_ENABLE_SERIAL=ON -DKokkos_ENABLE_OPENMP=ON -DKokkos_ARCH_NATIVE=ON) both=(-DCMAKE_BUILD_TYPE=Release)
  case $backend in
    cuda)
      kokkos+=(-DKokkos_ENABLE_CUDA=ON -DKokkos_ARCH_HOPPER90=ON)
      both+=(-DCMAKE_CXX_COMPILER="$work/kokkos/bin/nvcc_wrapper"
        -DCMAKE_CXX_FLAGS="-arch=sm_90 -include $here/cmake/cuda13.hpp") ;;
    tsan) both+=(-DCMAKE_CXX_COMPILER=clang++ -DCMAKE_CXX_FLAGS="-g -fsanitize=thread") ;;
  esac
  rm -rf "$prefix.part" "$prefix.log"
  cmake_install "$work/kokkos" "${both[@]}" "${kokkos[@]}"
  cmake_install "$work/kokkos-kernels" "${both[@]}" -DCMAKE_PREFIX_PATH="$prefix.part" -DKokkosKernels_ADD_DEFAULT_ETI=OFF \
    -DKokkosKernels_ENABLE_ALL_COMPONENTS=OFF -DKokkosKernels_ENABLE_COMPONENT_BLAS=ON -DKokkosKernels_ENABLE_COMPONENT_BATCHED=ON
  mv "$prefix.part" "$prefix"
}

# Header and library of NCCL from its PyPI package into $prefix, where the machine has none. Cheri can do without.
add_nccl() {
  [ ! -e "$prefix/include/nccl.h" ] && [ ! -e /usr/include/nccl.h ] || return 0
  say "downloading $nccl"
  local folder
  folder=$(mktemp -d)
  if /usr/bin/python3 -m pip install -q --no-deps --require-hashes --target "$folder" \
    -r <(echo "$nccl --hash=sha256:$nccl_sha256") >&2; then
    cp "$folder/nvidia/nccl/lib/libnccl.so.2" "$prefix/lib/"
    ln -sf libnccl.so.2 "$prefix/lib/libnccl.so"
    cp "$folder/nvidia/nccl/include/nccl.h" "$prefix/include/"
  else
    say "no NCCL: ranks will exchange gradients by MPI alone"
  fi
  rm -rf "$folder"
}

[[ $backend =~ ^(openmp|cuda|tsan|slurm)$ ]] || die "to be set up: openmp, cuda, tsan or slurm, not $backend"
if [ "$backend" = slurm ]; then
  packages=(iproute2 munge openmpi-bin slurm-client slurmctld slurmd)
  install_packages
  exit
fi
[ "$backend" != cuda ] || command -v nvcc > /dev/null || die "the cuda backend needs nvcc on the PATH"
install_packages
compiler=gcc$(g++ -dumpfullversion)
case $backend in
  cuda) compiler+=-nvcc$(nvcc --version | sed -n 's/.*release \([0-9.]*\).*/\1/p') ;;
  tsan) compiler=clang$(clang++ -dumpversion) ;;
esac
processor=$(g++ -march=native -Q --help=target | sha256sum | cut -c1-8)
prefix=$cache/kokkos-$kokkos_version-$backend-$processor-$compiler
mkdir -p "$cache"
exec 9> "$cache/lock" && flock 9   # two set-ups at once: the second waits and finds the work done
[ -d "$prefix" ] || build_kokkos
[ "$backend" != cuda ] || add_nccl
echo "$prefix"
