"""A real Slurm of two nodes on this one machine, and nothing of it left behind.

All of it lives in Linux namespaces of its own: processes, mounts, host name and network. When the first process in them ends, however
it ends, the kernel ends all others. Each node has moreover its own host name and its own PMIx folder, so that ranks started by `srun`
see two nodes.
"""
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SKIPPED = 77    # what ctest is told
PATIENCE = 120  # seconds until what is waited for counts as never coming
NODES = ("n1", "n2")
ADDRESSES = ("10.0.0.1", "10.0.0.2", "10.0.0.3")   # Slurm believes in no network where there is only 127.0.0.1
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "unshare", "ip")
SCRATCH = "/dev/shm"   # a new one, for files and for the shared memory of MPI, which goes away with the rest
INSIDE = "CHERI_SLURM_TEST_INSIDE"

# cred_expire: a job that is put back into the queue is held for so long, 120 s unless told. KillWait: between SIGTERM and SIGKILL.
CONFIGURATION = """
ClusterName=cheri-test
SlurmctldHost=head(10.0.0.3)
SlurmUser=root
SlurmdUser=root
AuthInfo=socket={folder}/munge/socket,cred_expire=5
CredType=cred/munge
MpiDefault=pmix
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
GresTypes=gpu
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SchedulerParameters=sched_interval=2,batch_sched_delay=0,sched_min_interval=0
ReturnToService=2
SlurmdTimeout=10
KillWait=5
SlurmdParameters=config_overrides
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n/slurmd.pid
SlurmdSpoolDir={folder}/%n/spool
StateSaveLocation={folder}/state
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/%n/slurmd.log
NodeName=n1 NodeAddr=10.0.0.1 Port=17001 CPUs=4 RealMemory=1000 Gres=gpu:2
NodeName=n2 NodeAddr=10.0.0.2 Port=17002 CPUs=4 RealMemory=1000 Gres=gpu:2
PartitionName=batch Nodes=ALL Default=YES PriorityTier=1
PartitionName=urgent Nodes=ALL PriorityTier=2
"""


def skip(why):
    print(f"SKIPPED: {why}", flush=True)
    sys.exit(SKIPPED)


def enter_namespaces():
    """Starts this program again, inside; returns only there. Skips where that cannot be."""
    if os.environ.get(INSIDE):
        socket.sethostname("head")
        subprocess.run(["mount", "-t", "tmpfs", "scratch", SCRATCH], check=True)
        tempfile.tempdir = SCRATCH
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        for address in ADDRESSES:
            subprocess.run(["ip", "address", "add", f"{address}/24", "dev", "lo"], check=True)
        return
    if os.geteuid() != 0:
        skip("a Slurm of its own needs root")
    missing = [program for program in PROGRAMS if not shutil.which(program)]
    if missing:
        skip(f"{', '.join(missing)} not installed: jobs/setup.sh slurm")
    apart = ["unshare", "--mount", "--uts", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
    if subprocess.run(apart + ["true"], check=False).returncode != 0:
        skip("this machine allows no namespaces")
    # The shell is the first process inside: it waits for orphans too.
    again = ["bash", "-c", '"$@"; exit $?', "bash", sys.executable] + sys.argv
    os.execvpe("unshare", apart + again, {**os.environ, INSIDE: "1"})


class Cluster:
    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="cheri-slurm-"))
        os.environ["SLURM_CONF"] = str(self.folder / "slurm.conf")
        (self.folder / "slurm.conf").write_text(CONFIGURATION.format(folder=self.folder))
        (self.folder / "mpi.conf").write_text(f"PMIxCliTmpDirBase={self.folder}/pmix\n")
        (self.folder / "gres.conf").write_text(f"Name=gpu File={self.folder}/gpu[0-1]\n")   # to be asked for: there is none
        for name in ("state", "pmix", "munge", "gpu0", "gpu1"):
            (self.folder / name).mkdir()
        self._start_munge()
        self.run("slurmctld")
        for node in NODES:
            self.start_node(node)

    def _start_munge(self):
        """With a key and a socket of its own."""
        folder = self.folder / "munge"
        self.folder.chmod(0o755)
        folder.chmod(0o755)
        (folder / "key").write_bytes(os.urandom(128))
        (folder / "key").chmod(0o400)
        self.run("munged", f"--key-file={folder}/key", f"--socket={folder}/socket", f"--pid-file={folder}/pid",
                 f"--log-file={folder}/log", f"--seed-file={folder}/seed", "--force")

    def run(self, *command):
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=PATIENCE, check=False)
        if done.returncode != 0:
            raise AssertionError(f"{done.args}: {done.stdout}{done.stderr}{self.logs()}")
        return done.stdout

    def until(self, condition, what):
        """Waits until condition() is true; `what`, a text or what makes one, and the logs say what did not come."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {PATIENCE} s: {what() if callable(what) else what}{self.logs()}")
            time.sleep(0.1)

    def logs(self):
        return "".join(f"\n-- {path}\n{path.read_text()[-3000:]}" for path in sorted(self.folder.rglob("*.log")))

    def start_node(self, node):
        """A machine that comes up: slurmd in namespaces of its own."""
        for name in ("spool", "pmix"):   # a reboot clears them
            shutil.rmtree(self.folder / node / name, ignore_errors=True)
            (self.folder / node / name).mkdir(parents=True)
        boot = (f"hostname {node} && mount --make-rprivate / && "
                f"mount --bind {self.folder}/{node}/pmix {self.folder}/pmix && exec slurmd -N {node}")
        self.run("unshare", "--mount", "--uts", "bash", "-c", boot)
        self.until(lambda: self.run("sinfo", "-h", "-n", node, "-o", "%t").split()[0] == "idle", f"{node} is idle")

    def _processes(self, node):
        """Those that have the node's host name for their own."""
        slurmd = int((self.folder / node / "slurmd.pid").read_text())
        return [p for p in all_processes() if host_of(p) == host_of(slurmd)]

    def lose_node(self, node):
        """A machine that loses its power."""
        send(self._processes(node), signal.SIGKILL)


def start_cluster():
    """Skips where Slurm does not come up: that is the machine's fault, not the job scripts'."""
    try:
        return Cluster()
    except (AssertionError, OSError, subprocess.TimeoutExpired) as error:
        skip(f"no Slurm comes up on this machine: {error}")


def send(processes, number):
    for process in processes:
        try:
            os.kill(process, number)
        except ProcessLookupError:
            pass   # it ended meanwhile


def all_processes():
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]


def host_of(process):
    try:
        return os.readlink(f"/proc/{process}/ns/uts")
    except OSError:
        return None
