# Slurm and an Open MPI that it can start: `srun --mpi=list` names pmix. Slurm's signals reach every rank.
# module load gcc openmpi hdf5                 # those that the program was built with

# --kill-on-bad-exit: a rank that dies ends the others, which would wait for it until the time is up.
launch() { exec srun --mpi=pmix --kill-on-bad-exit=1 "$@"; }
