# HPE Cray: Slurm and Cray MPICH, whose ranks srun starts through Cray's own PMI. Slurm's signals reach every rank.
# module load PrgEnv-gnu cray-mpich cray-hdf5  # those that the program was built with; for GPUs also cudatoolkit
export HDF5_USE_FILE_LOCKING=FALSE             # Lustre is often mounted without locks

# --kill-on-bad-exit: a rank that dies ends the others, which would wait for it until the time is up.
launch() { exec srun --cpu-bind=cores --kill-on-bad-exit=1 "$@"; }
