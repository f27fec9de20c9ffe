# Slurm and an Open MPI that it cannot start: mpirun takes the nodes and the ranks of the job, and ends all when one dies. Submit with
# --signal=B:USR1@300: Slurm then signals the job's shell, which tells mpirun, which tells every rank.
# module load gcc openmpi hdf5                 # those that the program was built with

launch() { exec mpirun --map-by "slot:PE=$OMP_NUM_THREADS" "$@"; }
