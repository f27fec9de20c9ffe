#!/usr/bin/env bash
# Any other command of cheri on one node: import, pack, evaluate, predict. A chain of jobs in which each waits for the one before:
#
#     import=$(sbatch --parsable jobs/slurm/command.sh import --sequences genome.fa.gz --signal my.bw --peaks my.bed --out my.tracks.h5)
#     pack=$(sbatch --parsable --dependency=afterok:$import jobs/slurm/command.sh pack my.toml --out my.examples.h5)
#     train=$(sbatch --parsable --dependency=afterok:$pack jobs/slurm/train.sh my.toml runs/my data.file=my.examples.h5)
#     sbatch --dependency=afterok:$train jobs/slurm/command.sh evaluate runs/my --split test --out my.tsv
#
#SBATCH --job-name=cheri
#SBATCH --nodes=1
#SBATCH --ntasks=1               # import, evaluate and predict share their work among ranks; pack uses one
#SBATCH --cpus-per-task=4        # threads of a rank
#SBATCH --mem-per-cpu=2G         # a rank that imports a human-sized genome takes up to 1.5 GB
#SBATCH --time=04:00:00          # of the whole command: it does not go on where it stopped, it begins anew
#SBATCH --requeue                # after a preemption or when a node is lost; no half file is left behind
#SBATCH --output=%x-%j.log
#SBATCH --open-mode=append
set -euo pipefail
. "${CHERI_HOME:-.}/jobs/slurm/chain.sh"
launch "$program" "$@"
