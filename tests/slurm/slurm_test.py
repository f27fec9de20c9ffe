"""The job scripts of jobs/slurm on a real Slurm: whatever the scheduler does, a job ends with the model of a run that was left alone,
bit by bit. A run is held (SIGSTOP) while something happens to it, so that it does not end before.
"""
import os
import re
import signal
import subprocess
import time
from contextlib import contextmanager

from cluster import NODES, all_processes, enter_namespaces, host_of, send, start_cluster
from program import PROGRAM, SOURCE, CheriTest, is_cheri, main

# Nothing but the loopback device is there, which Open MPI leaves out unless told.
os.environ.update(OMPI_MCA_btl_tcp_if_include="lo", OMPI_MCA_oob_tcp_if_include="lo", CHERI_HOME=str(SOURCE))


class Job:
    def __init__(self, cluster, folder, number):
        self.cluster, self.folder, self.number = cluster, folder, number

    def __str__(self):
        return f"{self.show()}\n{self.log()}"

    def show(self):
        return self.cluster.run("scontrol", "show", "job", "-o", self.number)

    def field(self, name):
        return re.search(rf"\b{name}=(\S*)", self.show())[1]

    def state(self):
        return self.field("JobState")

    def restarts(self):
        return int(self.field("Restarts"))

    def log(self):
        files = sorted(self.folder.glob(f"*-{self.number.replace('_', '-')}.log"))
        return "".join(path.read_text(errors="replace") for path in files)

    def wait_for(self, text):
        self.cluster.until(lambda: text in self.log(), lambda: f"{text}\n{self}")

    def wait(self, *states):
        self.cluster.until(lambda: self.state() in states, lambda: f"{states}\n{self}")

    def ranks(self):
        return [p for p in all_processes() if is_cheri(p) and self._owns(p)]

    def _owns(self, process):
        number = self.field("JobId")
        try:
            with open(f"/proc/{process}/environ", "rb") as file:
                return f"SLURM_JOB_ID={number}".encode() in file.read().split(b"\0")
        except OSError:
            return False


class SlurmTest(CheriTest):
    OPTIONS = ("--nodes=2", "--ntasks-per-node=1", "--cpus-per-task=1", "--mem-per-cpu=100M")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.make_data("--raw", "raw")
        deck = (cls.folder / "deck.toml").read_text().replace("max_epochs = 3", "max_epochs = 15")
        (cls.folder / "deck.toml").write_text(deck + "[checkpoint]\nsteps = 10\n")
        cls.cluster = start_cluster()
        cls.whole = cls.train(cls(), "whole")

    def submit(self, directory, *options, script="train.sh", arguments=None, environment=None):
        command = ["sbatch", "--parsable", *self.OPTIONS, *options, SOURCE / "jobs/slurm" / script]
        command += [str(part) for part in arguments or ["deck.toml", directory]]
        done = subprocess.run(command, cwd=self.folder, env={**os.environ, "CHERI": PROGRAM, **(environment or {})},
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done)
        return Job(self.cluster, self.folder, done.stdout.strip())

    @contextmanager
    def held(self, job, directory, nodes=2):
        """Its ranks stand still, in the middle of training."""
        checkpoints = self.folder / directory / "checkpoints"
        self.cluster.until(lambda: list(checkpoints.glob("*.h5")), lambda: f"a checkpoint\n{job}")
        ranks = job.ranks()
        send(ranks, signal.SIGSTOP)
        self.assertEqual(len({host_of(rank) for rank in ranks}), nodes, job)
        self.assertFalse((self.folder / directory / "final.h5").exists())
        yield ranks
        send(ranks, signal.SIGCONT)

    def assert_whole(self, job, directory, restarts):
        job.wait("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT")
        self.assertEqual(job.state(), "COMPLETED", job)
        self.assertEqual(job.restarts(), restarts, job)
        self.assertEqual(self.digest(f"{directory}/final.h5"), self.whole)
        self.assertTrue((self.folder / directory / "report.html").exists())

    def test_a_user_signals_the_job(self):
        job = self.submit("usr1")
        with self.held(job, "usr1"):
            self.cluster.run("scancel", "--signal=USR1", job.number)
        self.assert_whole(job, "usr1", restarts=1)
        self.assertIn("Run the same command again to go on", job.log())
        self.assertIn("back in the queue", job.log())

    def test_time_limits(self):
        warned = self.submit("warned", "--time=2")   # minutes; told five of them before the end, which is at once
        unwarned = self.submit("unwarned", "--time=2", "--signal=CONT@1")   # not told
        with self.held(warned, "warned"), self.held(unwarned, "unwarned") as ranks:
            now = time.strftime("%Y-%m-%dT%H:%M:%S")
            self.cluster.run("scontrol", "update", f"JobId={unwarned.number}", f"EndTime={now}")
            # This one's second rank hangs even when SIGTERM and SIGCONT come at the limit: it must be killed.
            while unwarned.state() == "RUNNING" or ranks[-1] in unwarned.ranks():
                send(ranks[-1:], signal.SIGSTOP)
                time.sleep(0.05)
        self.assert_whole(warned, "warned", restarts=1)
        self.assertIn("Run the same command again to go on", warned.log())
        self.assertNotIn("DUE TO TIME LIMIT", warned.log())
        self.assert_whole(unwarned, "unwarned", restarts=1)
        self.assertIn("DUE TO TIME LIMIT", unwarned.log())

    def test_preemption(self):
        job = self.submit("preempted")
        with self.held(job, "preempted"):
            self.cluster.run("sbatch", "--partition=urgent", "--nodes=2", "--exclusive", "--output=/dev/null", "--wrap=sleep 1")
            job.wait("PENDING", "COMPLETING")
        self.assert_whole(job, "preempted", restarts=1)
        self.assertIn("DUE TO PREEMPTION", job.log())

    def test_an_administrator_requeues_the_job(self):
        job = self.submit("requeued")
        with self.held(job, "requeued"):
            self.cluster.run("scontrol", "requeue", job.number)
        self.assert_whole(job, "requeued", restarts=1)

    def test_a_node_is_lost(self):
        job = self.submit("lost")
        with self.held(job, "lost"):
            self.cluster.lose_node(NODES[1])
        job.wait("PENDING", "COMPLETING")
        self.cluster.start_node(NODES[1])
        self.assert_whole(job, "lost", restarts=1)

    def test_a_rank_is_killed(self):
        job = self.submit("killed")
        with self.held(job, "killed") as ranks:
            os.kill(ranks[-1], signal.SIGKILL)
        self.assert_whole(job, "killed", restarts=1)

    def test_several_ranks_a_node(self):
        job = self.submit("levels", "--ntasks-per-node=2")
        self.assert_whole(job, "levels", restarts=0)
        self.assertIn(" gradients travel by mpi-host within nodes of 2 ranks, then between 2 nodes\n", job.log())

    def test_mpirun(self):
        job = self.submit("mpirun", "--signal=B:USR1@300", environment={"CHERI_SITE": "mpirun"})
        with self.held(job, "mpirun"):
            self.cluster.run("scancel", "--batch", "--signal=USR1", job.number)
        self.assert_whole(job, "mpirun", restarts=1)

    def test_an_array_in_which_one_is_stopped(self):
        (self.folder / "experiments.txt").write_text("one  seed=3\ntwo  seed=3 training.batch_size=16\n")
        array = self.submit("", "--nodes=1", script="array.sh", arguments=["deck.toml", "array", "experiments.txt"])
        one, two = (Job(self.cluster, self.folder, f"{array.number}_{i}") for i in (1, 2))
        with self.held(two, "array/two", nodes=1):
            self.cluster.run("scancel", "--signal=USR1", two.number)
        self.assert_whole(one, "array/one", restarts=0)
        self.assert_whole(two, "array/two", restarts=1)

    def test_from_the_files_of_a_lab_to_metrics(self):
        after, previous, jobs = [], None, []
        for script, arguments in (
                ("command.sh", ["import", "--sequences", "raw/genome.fa.gz", "--signal", "raw/plus.bw,raw/minus.bw", "--peaks",
                                "raw/peaks.narrowPeak", "--negatives", "raw/negatives.bed", "--out", "lab.tracks.h5"]),
                ("command.sh", ["pack", "deck.toml", "data.file=lab.tracks.h5", "--out", "lab.examples.h5"]),
                ("train_gpu.sh", ["deck.toml", "lab", "data.file=lab.examples.h5"]),
                ("command.sh", ["evaluate", "lab", "--split", "test", "--out", "lab.tsv"])):
            previous = self.submit("", "--nodes=1", *after, script=script, arguments=arguments)
            after = [f"--dependency=afterok:{previous.number}"]
            jobs.append(previous)
        for job in jobs:
            job.wait("COMPLETED", "FAILED", "CANCELLED")
            self.assertEqual(job.state(), "COMPLETED", job)
        self.assertIn("auroc", (self.folder / "lab.tsv").read_text())

    def test_a_wrong_deck_ends_the_chain(self):
        job = self.submit("", arguments=["deck.toml", "wrong", "model.n_layer=3"])
        job.wait("COMPLETED", "FAILED")
        self.assertEqual((job.state(), job.restarts()), ("FAILED", 0), job)
        self.assertIn("did you mean \"model.n_layers\"?", job.log())
        self.assertIn("the deck or its files are at fault", job.log())

    def test_a_run_that_gets_nowhere_ends_the_chain(self):
        job = self.submit("nowhere", environment={"CHERI": "/bin/false"})
        job.wait("FAILED", "COMPLETED")
        self.assertEqual(job.restarts(), 1, job)
        self.assertIn("no progress: ended at step 0 twice", job.log())

    def test_a_cancelled_job_does_not_come_back(self):
        job = self.submit("cancelled")
        with self.held(job, "cancelled"):
            self.cluster.run("scancel", job.number)
        job.wait("CANCELLED")
        job.wait_for("cancelled, or put back into the queue by Slurm")
        self.assertEqual(job.restarts(), 0)
        self.assertIn("Run the same command again to go on", job.log())
        self.assert_whole(self.submit("cancelled"), "cancelled", restarts=0)


if __name__ == "__main__":
    enter_namespaces()
    main()
