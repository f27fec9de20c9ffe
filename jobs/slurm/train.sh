#!/usr/bin/env bash
# Trains a model on the cores of one node or many, through any number of time limits: submitted once, it ends with the model.
#
#     sbatch jobs/slurm/train.sh my.toml runs/my
#     sbatch --nodes=1 --ntasks-per-node=8 jobs/slurm/train.sh my.toml runs/my training.batch_size=32
#
#SBATCH --job-name=cheri-train
#SBATCH --nodes=2                # any number: the model is the same, bit by bit
#SBATCH --ntasks-per-node=4      # ranks; how many there are in all must divide the deck's training.gradient_slices (8)
#SBATCH --cpus-per-task=2        # threads of a rank
#SBATCH --mem-per-cpu=1G
#SBATCH --time=04:00:00          # of one stretch; the run goes on in the next one
#SBATCH --signal=USR1@300        # so many seconds before the end the ranks are told: they stop after a step, with a checkpoint
#SBATCH --requeue                # Slurm itself puts it back into the queue after a preemption or when a node is lost
#SBATCH --output=%x-%j.log       # job's name and number
#SBATCH --open-mode=append       # a stretch does not erase what the one before has said
set -euo pipefail
. "${CHERI_HOME:-.}/jobs/slurm/chain.sh"
train_to_the_end "$@"            # deck, directory of the run, keys of the deck
