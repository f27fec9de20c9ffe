"""Folders and file systems that cannot be written: the program says so, and nothing is lost; what is only read may lie there."""
import os
import subprocess

from program import StoppedRunsTest, main, start

# Root writes where nobody may, but for these capabilities. What runs without them is still the files' owner.
FORGO = [f"--{kind}=-dac_override,-dac_read_search" for kind in ("inh-caps", "bounding-set")]


def ordinary_user():
    """The command that makes another one obey the modes of files and folders."""
    return ["setpriv", *FORGO] if os.geteuid() == 0 else []


class ReadOnlyTest(StoppedRunsTest):
    STEPS, STEPS_OF_CHECKPOINT = 160, 20

    def setUp(self):
        super().setUp()
        self.prefix = ordinary_user()
        if not hasattr(self, "probed"):
            probe = self.read_only(self.new_folder())
            done = subprocess.run([*self.prefix, "touch", probe / "x"], capture_output=True, text=True)
            if "Permission denied" not in done.stderr:
                self.skipTest(f"NOT TESTED, root cannot be made an ordinary user here: {done.stderr.strip() or 'it still may write'}")
            type(self).probed = True

    def read_only(self, path, mode=0o555):
        """Takes the right to write, until the test ends."""
        self.addCleanup(os.chmod, path, path.stat().st_mode)
        path.chmod(mode)
        return path

    def train_fails(self, directory, *arguments, saying, **how):
        done = self.fails("train", "deck.toml", f"directory={directory}", *arguments, saying=saying, prefix=self.prefix, **how)
        self.assertEqual(done.status, 1, done)
        self.assertEqual(len([line for line in done.err.splitlines() if line.startswith("cheri")]), 1, done)
        self.assertNotIn("does not hold", done.err)
        return done

    def goes_on(self, directory):
        done = self.cheri("train", "deck.toml", f"directory={directory}", prefix=self.prefix)
        self.assert_whole(directory)
        self.assertEqual([path.name for path in (self.folder / directory).rglob("*.part*")], [])
        return done

    def test_a_fresh_run(self):
        directory = self.read_only(self.new_folder())
        for ranks in (0, 2):
            self.train_fails(directory, saying=[f"cannot write {directory}/deck.toml: Permission denied"], ranks=ranks)
        self.assertEqual(list(directory.iterdir()), [])
        self.train_fails(directory / "runs/a", saying=[f"cannot make the folder {directory}/runs/a: Permission denied"])
        self.assertEqual(list(directory.iterdir()), [])

    def test_a_run_to_go_on_with(self):
        self.stopped("resumed", at_step=40)
        directory = self.folder / "resumed"
        before = {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()}
        self.read_only(directory)
        self.train_fails("resumed", saying=[f"cannot write {directory}/deck.toml: Permission denied"])
        directory.chmod(0o755)
        self.read_only(directory / "checkpoints")
        self.train_fails("resumed", saying=[f"cannot write {directory}/checkpoints/step-", "Permission denied"])
        self.read_only(directory / "checkpoints", 0)
        self.train_fails("resumed", saying=[f"cannot list {directory}/checkpoints: Permission denied"])   # does not begin anew
        (directory / "checkpoints").chmod(0o755)
        for path, content in before.items():
            if path.suffix == ".h5" and path.parent.name == "checkpoints":
                self.assertEqual(path.read_bytes(), content)
        self.assertIn("going on from", self.goes_on("resumed").err)

    def test_in_the_middle_of_a_run(self):
        for name in ("checkpoints", "."):   # a checkpoint, the best model
            for ranks in (0, 2):
                with self.subTest(name, ranks=ranks):
                    directory = f"middle-{name}{ranks}"
                    running = start("train", "deck.toml", f"directory={directory}", folder=self.folder, ranks=ranks, prefix=self.prefix)
                    running.wait_until(lambda: len(self.checkpoints(directory)) >= 2)
                    self.read_only(self.folder / directory / name)
                    done = running.wait()
                    self.assertEqual(done.status, 1, done)
                    self.assertIn(f"cannot write {self.folder}/{directory}/", done.err)
                    self.assertIn("Permission denied", done.err)
                    found = self.checkpoints(directory)
                    for checkpoint in found:
                        self.inspect(checkpoint)   # compares its checksum
                    (self.folder / directory / name).chmod(0o755)
                    self.assertIn(f"going on from {found[-1]}", self.goes_on(directory).err)

    def test_a_file_system_that_is_read_only(self):
        disk = self.small_disk()
        self.stopped(disk / "run", at_step=40)
        for name in ("data.tracks.h5", "deck.toml"):
            (disk / name).write_bytes((self.folder / name).read_bytes())
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        self.train_fails(disk / "run", saying=[f"cannot write {disk}/run/deck.toml: Read-only file system"])
        self.train_fails(disk / "new", saying=[f"cannot make the folder {disk}/new: Read-only file system"])
        self.cheri("train", disk / "deck.toml", "directory=from-there")   # the deck, and the data beside it
        self.assert_whole("from-there")
        self.cheri("evaluate", disk / "run")
        subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
        self.goes_on(disk / "run")

    def test_data_that_may_only_be_read(self):
        folder = self.new_folder()
        (folder / "data.tracks.h5").write_bytes((self.folder / "data.tracks.h5").read_bytes())
        self.cheri("pack", "deck.toml", "--out", folder / "examples.h5")
        for path in folder.iterdir():
            self.read_only(path, 0o444)
        self.read_only(folder)
        for name, mode, ranks in (("data.tracks.h5", "device", 0), ("data.tracks.h5", "node", 2), ("examples.h5", "stream", 2)):
            with self.subTest(name, mode=mode):
                self.cheri("train", "deck.toml", f"data.file={folder / name}", f"data.mode={mode}", f"directory={mode}", ranks=ranks,
                           prefix=self.prefix)
                self.assert_whole(mode)

    def test_data_that_may_not_be_read(self):
        data = self.folder / "secret.h5"
        data.write_bytes(b"")
        self.read_only(data, 0)
        done = self.fails("train", "deck.toml", f"data.file={data}", "directory=x", prefix=self.prefix,
                          saying=[f"cannot read {data}: Permission denied"])
        self.assertEqual(done.status, 2)

    def test_what_commands_write(self):
        folder = self.read_only(self.new_folder())
        out = folder / "out.h5"
        for command in (["synthesize"], ["pack", "deck.toml"], ["predict", "whole"], ["evaluate", "whole"]):
            with self.subTest(command[0]):
                done = self.fails(*command, "--out", out, prefix=self.prefix, saying=[f"{out}", "Permission denied"])
                self.assertNotIn("does not hold", done.err)
        self.fails("predict", "whole", "--out", "out.h5", "--bigwig", folder / "p", prefix=self.prefix,
                   saying=[f"cannot write {folder}/p.plus.bw", "Permission denied"])


if __name__ == "__main__":
    main()
