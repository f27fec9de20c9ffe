"""Runs `cheri` as a user does, in a scratch folder, and keeps what it said.

The environment says where things are: CHERI (the program), CHERI_MPIEXEC, CHERI_SOURCE (the root of the sources).
"""
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

import h5py

PROGRAM = os.environ["CHERI"]
MPIEXEC = os.environ["CHERI_MPIEXEC"]
SOURCE = Path(os.environ["CHERI_SOURCE"])
PATIENCE = 300   # seconds until a program counts as hanging

# A model and data so small that a run of 24 steps takes less than a second.
DECK = """
name = "tiny"
directory = "run"
seed = 3
log_seconds = 0.1
[data]
file = "data.tracks.h5"
training_chromosomes = ["chr1", "chr2"]
validation_chromosomes = ["chr3"]
test_chromosomes = ["chr4"]
in_window = 200
out_window = 100
max_jitter = 20
summits = true
[model]
n_filters = 8
n_layers = 2
[training]
batch_size = 16
max_epochs = 3
min_total_steps = 1
"""


class Result:
    """What a program left: its exit status, and the text of standard output, standard error, and both."""

    def __init__(self, command, status, out, err):
        self.command, self.status, self.out, self.err = " ".join(map(str, command)), status, out, err
        self.said = out + err

    def __str__(self):
        return f"{self.command}\nstatus {self.status}\n{self.said}"


class Running:
    """A program that is not waited for. It leads a process group, so that nothing of it survives."""

    def __init__(self, command, folder, environment):
        self.command = command
        self._files = [tempfile.TemporaryFile(), tempfile.TemporaryFile()]
        self.process = subprocess.Popen(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=self._files[0],
                                        stderr=self._files[1], start_new_session=True)

    def _read(self, file):
        # Where the program writes must not move.
        return os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0).decode(errors="replace")

    def result(self, status):
        return Result(self.command, status, *map(self._read, self._files))

    def wait_until(self, condition):
        deadline = time.monotonic() + PATIENCE
        while not condition():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise AssertionError(f"what was waited for did not come:\n{self.result(self.process.returncode)}")
            time.sleep(0.01)

    def wait_for(self, text):
        """Until standard error holds the text."""
        self.wait_until(lambda: text in self._read(self._files[1]))

    def wait(self):
        try:
            done = self.result(self.process.wait(PATIENCE))
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"it hangs:\n{self.result(None)}") from None
        for file in self._files:
            file.close()
        return done

    def kill(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()

    def ranks(self):
        """The processes that run cheri, under mpiexec or alone."""
        parents = {}
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit():
                    parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                pass   # it ended meanwhile
        def descends(process):
            while process in parents and process != self.process.pid:
                process = parents[process]
            return process == self.process.pid
        return sorted(p for p in parents if descends(p) and is_cheri(p))


def is_cheri(process):
    try:
        return os.path.samefile(f"/proc/{process}/exe", PROGRAM)
    except OSError:
        return False


def environment_with(threads):
    return {**os.environ, "OMP_NUM_THREADS": str(threads), "OMP_PROC_BIND": "false"}


def command_of(arguments, ranks):
    launch = [MPIEXEC, "-n", str(ranks)] if ranks else []
    return launch + [PROGRAM] + [str(argument) for argument in arguments]


def start(*arguments, folder, ranks=0, threads=1, environment=None, prefix=()):
    """Starts cheri; with ranks under mpiexec; all of that as the last words of another command, if one is given."""
    return Running([*prefix, *command_of(arguments, ranks)], folder, {**environment_with(threads), **(environment or {})})


def run(*arguments, folder, **how):
    return start(*arguments, folder=folder, **how).wait()


class CheriTest(unittest.TestCase):
    """Tests that share a scratch folder, `cls.folder`."""

    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp(prefix="cheri-cli-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)

    @classmethod
    def make_data(cls, *arguments):
        """data.tracks.h5 and deck.toml; some 50 peaks on each of six chromosomes."""
        done = run("synthesize", "--out", "data.tracks.h5", "--sites", 300, *arguments, folder=cls.folder)
        assert done.status == 0, done
        (cls.folder / "deck.toml").write_text(DECK)

    def new_folder(self):
        return Path(tempfile.mkdtemp(dir=self.folder))

    def small_disk(self):
        """A file system of 4 MiB, for one test."""
        disk = self.new_folder() / "disk"
        disk.mkdir()
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4M", "tmpfs", disk], capture_output=True, text=True)
        if done.returncode != 0:
            self.skipTest(f"NOT TESTED, no small disk can be mounted here (that takes root): {done.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", "--lazy", disk], check=True)
        return disk

    def cheri(self, *arguments, folder=None, **how):
        """Runs cheri, which must succeed."""
        done = run(*arguments, folder=folder or self.folder, **how)
        self.assertEqual(done.status, 0, done)
        return done

    def fails(self, *arguments, saying, folder=None, **how):
        """Runs cheri, which must end with an error that has all these parts, and by itself, not by a crash."""
        done = run(*arguments, folder=folder or self.folder, **how)
        self.assertIn(done.status, (1, 2), done)
        self.assertNotIn("terminate called", done.said)
        for part in saying:
            self.assertIn(part, done.err, done)
        return done

    def inspect(self, *arguments, folder=None):
        return json.loads(self.cheri("inspect", "--json", *arguments, folder=folder).out)

    def digest(self, path):
        return self.inspect(path)["digest"]

    def train(self, directory, *arguments, ranks=0, threads=1, deck="deck.toml"):
        """Trains into a directory; returns the digest of the final model."""
        self.cheri("train", deck, f"directory={directory}", *arguments, ranks=ranks, threads=threads)
        return self.digest(Path(directory) / "final.h5")


class StoppedRunsTest(CheriTest):
    """Tests of runs that are stopped and go on. The run that they are compared with is in the directory `whole`."""

    STEPS, STEPS_OF_CHECKPOINT = 400, 50

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.make_data()
        deck = (cls.folder / "deck.toml").read_text().replace("max_epochs = 3", f"max_epochs = {cls.STEPS // 8}")
        (cls.folder / "deck.toml").write_text(f"{deck}[checkpoint]\nsteps = {cls.STEPS_OF_CHECKPOINT}\nkeep = 3\n")

    def setUp(self):
        if not (self.folder / "whole").exists():
            self.train("whole")

    def checkpoints(self, directory):
        """Oldest first."""
        return sorted((self.folder / directory / "checkpoints").glob("*.h5"))

    def stopped(self, directory, number=signal.SIGTERM, ranks=0, at_step=1):
        """Starts a run, sends a signal to its last rank after a step, and returns what it said."""
        running = start("train", "deck.toml", f"directory={directory}", folder=self.folder, ranks=ranks)
        if at_step > 1:
            running.wait_until(lambda: any(int(path.stem[5:]) >= at_step for path in self.checkpoints(directory)))
        running.wait_for("step ")
        processes = running.ranks()
        self.assertEqual(len(processes), max(1, ranks))
        os.kill(processes[-1], number)
        done = running.wait()
        self.assertEqual(done.status, 0, done)
        left = self.inspect(directory)
        self.assertFalse(left["finished"], done)
        self.assertLess(left["step"], self.STEPS)
        self.assertFalse((self.folder / directory / "final.h5").exists())
        return done

    def assert_whole(self, directory):
        """The final model of a run is that of the untouched one."""
        self.assertEqual(self.digest(f"{directory}/final.h5"), self.digest("whole/final.h5"))


def content(path):
    """Everything in an HDF5 file but the command that made it: {name: (type, shape, bytes, attributes)}."""
    found = {}
    with h5py.File(path, "r") as file:
        def add(name, item):
            attributes = {key: value for key, value in item.attrs.items() if key != "made_by"}
            is_dataset = isinstance(item, h5py.Dataset)
            found[name] = (str(item.dtype), item.shape, item[()].tobytes()) if is_dataset else (), attributes
        add("/", file)
        file.visititems(add)
    return found


def main():
    unittest.main(verbosity=2)
