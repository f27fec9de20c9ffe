#!/usr/bin/env bash
# From nothing to a trained model on built-in data: sets up, builds, draws a small random genome with planted motifs, trains on two
# ranks for about two minutes, and says how well the model predicts chromosomes it has not seen.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
CHERI_KOKKOS=$(jobs/setup.sh openmp)
export CHERI_KOKKOS
cmake --preset openmp > /dev/null
cmake --build --preset openmp --target cheri

export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMP_PROC_BIND=false
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-$(( ($(nproc) + 1) / 2 ))}
cheri=build/openmp/apps/cheri
mkdir -p runs/quickstart
$cheri synthesize --out runs/quickstart/data.tracks.h5
mpirun --oversubscribe --bind-to none -n 2 $cheri train input/quickstart.toml
