#!/usr/bin/env bash
# kill_resume.sh CHERI MPIEXEC: short runs killed with SIGKILL, mpiexec and all ranks, twenty times at random moments and resumed each
# time, by one or two ranks in turn, end with the files of a run that was left alone. A run that ends before it could be killed so
# often is compared and followed by another.
set -euo pipefail
cheri=$1 mpiexec=$2
kills=20
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# What killed processes leave behind goes with the folder. The runs alone have the folder `site` as their own: so they are found.
mkdir "$work/tmp" "$work/site"
cd "$work"
export TMPDIR=$work/tmp OMPI_MCA_btl_vader_backing_directory=$work/tmp
export OMP_NUM_THREADS=1 OMP_PROC_BIND=false OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_rmaps_base_oversubscribe=1 PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe

value() { "$cheri" inspect --json "$2" | sed -n "s/^  \"$1\": *\"*\([0-9a-f]*\).*/\1/p" | head -n 1; }

train() {   # RANKS DIRECTORY LOG
  (cd site && exec "$mpiexec" -n "$1" "$cheri" train ../deck.toml directory="../$2" --resume auto) > "$3" 2>&1
}

processes_of_the_run() {
  local process
  for process in /proc/[0-9]*; do
    [ "$(readlink "$process/cwd" 2> /dev/null)" != "$work/site" ] || echo "${process#/proc/}"
  done
}

# Until none is left: a process may start another before it is hit.
kill_the_run() {
  local processes
  while processes=$(processes_of_the_run) && [ -n "$processes" ]; do
    # shellcheck disable=SC2086
    kill -KILL $processes 2> /dev/null || true
  done
}

"$cheri" synthesize --out data.tracks.h5 --seed 7
cat > deck.toml <<'DECK'
name = "kill"
log_seconds = 0.1
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
max_epochs = 40
min_total_steps = 1
[checkpoint]
steps = 3
DECK
train 1 whole whole.log || { cat whole.log; exit 1; }
# The last model, the best one, and the log but for its columns of seconds.
outcome() { value digest "$1/final.h5"; value digest "$1/best.h5"; cut -f 1,2,5- "$1/log.tsv"; }   # DIRECTORY
expected=$(outcome whole)
steps=$(value step whole/final.h5)

compare() {   # DIRECTORY
  local differences
  differences=$(diff <(echo "$expected") <(outcome "$1")) && return
  echo "$1 after $killed kills in $steps steps, against untouched:" "$differences" >&2
  exit 1
}

RANDOM=1
killed=0 resumed=0 run=1 attempt=0
while [ "$killed" -lt "$kills" ]; do
  attempt=$((attempt + 1))
  : > run.log
  train $((1 + attempt % 2)) "killed$run" run.log &
  job=$!
  # Every fourth at any moment of its start, the others while they train.
  if [ $((attempt % 4)) -gt 0 ]; then
    until grep -q ' step ' run.log || ! kill -0 "$job" 2> /dev/null; do sleep 0.02; done
  fi
  sleep "0.$((RANDOM % 50 + 10))"
  kill_the_run
  status=0
  wait "$job" 2> /dev/null || status=$?
  if grep -q 'going on from' run.log; then resumed=$((resumed + 1)); fi
  case $status in
    137) killed=$((killed + 1)) ;;
    0)
      compare "killed$run"
      run=$((run + 1)) ;;
    *)
      cat run.log
      exit 1 ;;
  esac
done
train 2 "killed$run" run.log || { cat run.log; exit 1; }
compare "killed$run"
echo "$killed kills in $run runs of $steps steps, $resumed times gone on from a checkpoint: ${expected%%$'\n'*}"
[ "$resumed" -ge $((kills / 2)) ]
