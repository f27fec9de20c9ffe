#!/usr/bin/env bash
# Experiments: one deck, each line of a file a run of its own: its name, then keys of the deck. Each goes on until it has its model.
#
#     cat experiments.txt
#     narrow  model.n_filters=16
#     deep    model.n_layers=10 training.batch_size=32
#     sbatch --array=1-2 jobs/slurm/array.sh my.toml runs experiments.txt        # runs/narrow, runs/deep
#
#SBATCH --job-name=cheri-array
#SBATCH --array=1-2%8            # lines of the file, at most eight at once
#SBATCH --nodes=1                # of each experiment, as all below
#SBATCH --ntasks-per-node=4      # ranks; must divide the deck's training.gradient_slices (8). On GPUs: as in train_gpu.sh
#SBATCH --cpus-per-task=2        # threads of a rank
#SBATCH --mem-per-cpu=1G
#SBATCH --time=04:00:00          # of one stretch; a run goes on in the next one
#SBATCH --signal=USR1@300        # so many seconds before the end the ranks are told: they stop after a step, with a checkpoint
#SBATCH --requeue                # Slurm itself puts it back into the queue after a preemption or when a node is lost
#SBATCH --output=%x-%A-%a.log    # job's name and number, line of the file
#SBATCH --open-mode=append       # a stretch does not erase what the one before has said
set -euo pipefail
. "${CHERI_HOME:-.}/jobs/slurm/chain.sh"
read -ra words <<< "$(sed -n "${SLURM_ARRAY_TASK_ID}p" "$3")"     # no blanks within a value
[ "${#words[@]}" -gt 0 ] || stop "$3 has no line $SLURM_ARRAY_TASK_ID"
train_to_the_end "$1" "$2/${words[0]}" "${words[@]:1}"
