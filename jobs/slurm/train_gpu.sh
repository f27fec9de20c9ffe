#!/usr/bin/env bash
# Trains a model on GPUs, one rank a GPU, of one node or many, through any number of time limits. The program is that of the preset
# `cuda`.
#
#     sbatch jobs/slurm/train_gpu.sh my.toml runs/my
#     sbatch --nodes=2 --gpus-per-node=4 --ntasks-per-node=4 jobs/slurm/train_gpu.sh my.toml runs/my training.gradient_slices=64
#
# 8 gradient slices a GPU keep it busy; their number decides the model's bits, and stays the same however many GPUs a stretch has.
#
#SBATCH --job-name=cheri-train
#SBATCH --nodes=1                # any number: the model is the same, bit by bit
#SBATCH --gpus-per-node=1        # every rank sees all GPUs of its node and takes the one of its number there. Where the site gives
#SBATCH --ntasks-per-node=1      # each rank its own (--gpus-per-task=1), that one is taken. As many ranks as GPUs
#SBATCH --cpus-per-task=8        # threads of a rank, which import, read and write
#SBATCH --mem-per-cpu=4G
#SBATCH --time=04:00:00          # of one stretch; the run goes on in the next one
#SBATCH --signal=USR1@300        # so many seconds before the end the ranks are told: they stop after a step, with a checkpoint
#SBATCH --requeue                # Slurm itself puts it back into the queue after a preemption or when a node is lost
#SBATCH --output=%x-%j.log       # job's name and number
#SBATCH --open-mode=append       # a stretch does not erase what the one before has said
set -euo pipefail
CHERI=${CHERI:-${CHERI_HOME:-.}/build/cuda/apps/cheri}
. "${CHERI_HOME:-.}/jobs/slurm/chain.sh"
train_to_the_end "$@"            # deck, directory of the run, keys of the deck
