# Sourced by the job scripts of this folder: where the program is, how ranks are started, and `train_to_the_end`.
#
# CHERI_HOME  the source tree, where jobs are not submitted from there
# CHERI_SITE  the file of site/ that says how this cluster starts ranks: open-mpi, cray-mpich, mpirun
# CHERI       the program, where it is not the one built in the source tree
#
# Who is told what (Slurm 22.05):
#   --signal=USR1@300, scancel --signal=USR1              the ranks that srun has started, not this shell, nor ranks of mpirun on its node
#   --signal=B:USR1@300, scancel --batch --signal=USR1    this shell alone
#   time limit, preemption, requeue, scancel              all: SIGTERM, and SIGKILL when KillWait is over (30 s at most sites)
# Slurm looks at the time every 30 s: the first may come so much earlier, the limit so much later than asked for.
home=${CHERI_HOME:-.}
program=${CHERI:-$home/build/openmp/apps/cheri}
export OMP_NUM_THREADS=${SLURM_CPUS_PER_TASK:-1} OMP_PROC_BIND=false    # Slurm keeps a rank to its cores
export SRUN_CPUS_PER_TASK=$OMP_NUM_THREADS                               # srun does not look at what sbatch was told
# shellcheck source=jobs/slurm/site/open-mpi.sh
. "$home/jobs/slurm/site/${CHERI_SITE:-open-mpi}.sh"

# What Slurm calls this job. A task of an array must name itself: the bare number may mean all of them.
job=${SLURM_ARRAY_JOB_ID:+${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID}
job=${job:-$SLURM_JOB_ID}

say() { printf '%(%F %T)T job %s, start %d on %s: %s\n' -1 "$job" "$((${SLURM_RESTART_COUNT:-0} + 1))" "$SLURM_JOB_NODELIST" "$*"; }
stop() { say "$*"; exit 1; }

# scontrol's answer about this job, also while Slurm ends what runs in it.
ask_slurm() { (trap '' TERM; exec scontrol "$@" "$job"); }

# The step of the newest checkpoint; 0: none.
newest_step() {
  local files=("$run"/checkpoints/step-*.h5) newest
  newest=${files[-1]##*/step-}
  newest=${newest%.h5}
  if [ "$newest" = '*' ]; then echo 0; else echo $((10#$newest)); fi
}

# Puts this job back into the queue, under its own number, so that jobs which depend on it go on waiting. Twice in vain in a row, and
# the chain ends. Restarts that Slurm makes by itself (preemption, a lost node) do not come by here and are not counted.
once_more() {
  local step state
  step=$(newest_step)
  state=$(ask_slurm show job)
  [[ $state == *JobState=RUNNING* || $state == *Reason=TimeLimit* ]] || stop "cancelled, or put back into the queue by Slurm"
  if [ "$step" = "$begun_at" ]; then
    [ "$(cat "$run/in_vain" 2> /dev/null)" != "$job $step" ] || stop "no progress: ended at step $step twice. See above why"
    echo "$job $step" > "$run/in_vain"
  fi
  requeued=yes
  ask_slurm requeue || stop "may not go back into the queue: submit it again, and it goes on at step $step"
  say "not finished, goes on at step $step: back in the queue"
}

# The end of the time: ranks that do not stop within KillWait are killed, as is this shell, but the job is in the queue already. Where
# SIGTERM comes from a user's scancel or a preemption, it changes nothing here.
on_term() {
  signalled=yes
  if [ -z "$requeued" ] && [[ $(ask_slurm show job) == *Reason=TimeLimit* ]]; then once_more; fi
}

# train_to_the_end DECK RUN [KEY=VALUE...]: ends the job well when the model is there, and in error when the deck is at fault or
# nothing moves on; otherwise the job goes back into the queue.
train_to_the_end() {
  local deck=$1 status ranks
  run=$2 requeued=
  shift 2
  mkdir -p "$run"
  begun_at=$(newest_step)
  say "$run begins at step $begun_at"
  launch "$program" train "$deck" directory="$run" "$@" &
  ranks=$!
  trap on_term TERM
  trap 'signalled=yes; kill -USR1 "$ranks"' USR1   # Slurm signals the ranks of srun by itself; mpirun is told by this shell
  while                                            # a signal ends the waiting, not the ranks
    signalled='' status=0
    wait "$ranks" || status=$?
    [ -n "$signalled" ]
  do :; done
  say "the ranks have ended with status $status"
  if [ -n "$requeued" ]; then return; fi
  if [ "$status" = 0 ] && [ -f "$run/final.h5" ]; then
    say "finished: $run/final.h5"
    return
  fi
  [ "$status" != 2 ] || stop "the deck or its files are at fault, see above"
  once_more
}
