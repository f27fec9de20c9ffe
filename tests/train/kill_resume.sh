#!/usr/bin/env bash
# kill_resume.sh CHERI MPIEXEC: a short run killed with SIGKILL at twenty random moments and resumed each time, by one or two ranks in
# turn, ends with the bits of a run that was left alone.
set -euo pipefail
cheri=$1 mpiexec=$2
kills=20
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export OMP_NUM_THREADS=1 OMP_PROC_BIND=false OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1

digest() { "$cheri" inspect --json "$1" | sed -n 's/.*"digest": *"\([0-9a-f]*\)".*/\1/p'; }
train() {   # RANKS DIRECTORY
  "$mpiexec" --oversubscribe -n "$1" "$cheri" train deck.toml directory="$2" --resume auto
}

"$cheri" synthesize --out data.tracks.h5 --seed 7 > /dev/null
cat > deck.toml <<'DECK'
name = "kill"
[data]
file = "data.tracks.h5"
training_chromosomes = ["chr1", "chr2"]
validation_chromosomes = ["chr3"]
in_window = 300
out_window = 100
max_jitter = 50
summits = true
[model]
n_filters = 16
n_layers = 4
[training]
batch_size = 32
max_epochs = 60
min_total_steps = 1
[checkpoint]
steps = 3
DECK
train 1 whole > whole.log 2>&1 || { cat whole.log; exit 1; }
expected=$(digest whole/final.h5)
steps=$("$cheri" inspect --json whole/final.h5 | sed -n 's/.*"step": *\([0-9]*\).*/\1/p' | head -n 1)

RANDOM=1
killed=0
for attempt in $(seq 400); do
  ranks=$((1 + attempt % 2))
  setsid bash -c "$(declare -f train); mpiexec='$mpiexec' cheri='$cheri'; train $ranks killed" > run.log 2>&1 &
  group=$!
  if [ "$killed" -lt "$kills" ]; then
    sleep "$((RANDOM % 2)).$((RANDOM % 90 + 10))"
    if kill -KILL -- "-$group" 2> /dev/null; then killed=$((killed + 1)); fi
    wait "$group" 2> /dev/null || true
    [ ! -f killed/final.h5 ] || break
    continue
  fi
  wait "$group" || { cat run.log; exit 1; }
  break
done
found=$(digest killed/final.h5)
echo "$killed kills in $steps steps: $found, untouched: $expected"
[ "$killed" -ge "$kills" ] || { echo "the run ended before $kills kills: make it longer" >&2; exit 1; }
[ "$found" = "$expected" ]
