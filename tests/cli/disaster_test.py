"""A disk that is full, and a rank that is killed: the run ends, says why, and what is on disk is good to go on from."""
import os
import signal

from program import StoppedRunsTest, main, run, start


def fill(disk, free):
    """Leaves so many bytes; returns the file that fills the disk."""
    filler = disk / "filler"
    there = os.statvfs(disk)
    filler.write_bytes(b"\0" * (there.f_bavail * there.f_frsize - free))
    return filler


class DisasterTest(StoppedRunsTest):
    def test_a_checkpoint_that_does_not_fit(self):
        disk = self.small_disk()
        directory = disk / "run"
        self.stopped(directory, at_step=50)
        files = {path: path.read_bytes() for path in directory.rglob("*.h5")}
        filler = fill(disk, free=24 << 10)   # room for the deck and the log, none for a checkpoint
        done = self.fails("train", "deck.toml", f"directory={directory}",
                          saying=[f"cannot write {directory}/", "No space left on device"])
        self.assertEqual(done.status, 1)
        for path, before in files.items():
            self.assertEqual(path.read_bytes(), before)
        self.assertEqual([path.name for path in directory.rglob("*.part*")], [])
        filler.unlink()
        self.cheri("train", "deck.toml", f"directory={directory}", ranks=2)
        self.assert_whole(directory)

    def test_files_that_do_not_fit(self):
        disk = self.small_disk()
        fill(disk, free=16 << 10)
        for command in (["synthesize"], ["pack", "deck.toml"], ["predict", "whole"]):
            with self.subTest(command[0]):
                out = disk / f"{command[0]}.h5"
                self.fails(*command, "--out", out, saying=[f"{out}", "No space left on device"])
                self.assertEqual([path.name for path in disk.iterdir()], ["filler"])

    def test_a_killed_rank_ends_the_run_which_goes_on_later(self):
        for victim in (0, 1):
            with self.subTest(rank=victim):
                directory = f"killed{victim}"
                running = start("train", "deck.toml", f"directory={directory}", folder=self.folder, ranks=2)
                running.wait_until(lambda: self.checkpoints(directory))
                os.kill(running.ranks()[victim], signal.SIGKILL)
                self.assertNotEqual(running.wait().status, 0)
                self.assertEqual(running.ranks(), [])
                self.cheri("train", "deck.toml", f"directory={directory}", ranks=2)
                self.assert_whole(directory)
                self.assertEqual([path.name for path in (self.folder / directory).rglob("*.part*")], [])

    def test_a_rank_killed_while_the_files_are_imported(self):
        folder = self.new_folder()
        self.cheri("synthesize", "--out", "unused.h5", "--raw", "raw", folder=folder)
        imported = folder / "imported.tracks.h5"
        files = ['import.sequences="raw/genome.fa.gz"', 'import.signals=[["raw/plus.bw", "raw/minus.bw"]]',
                 'import.peaks="raw/peaks.narrowPeak"', 'import.negatives="raw/negatives.bed"']
        command = ["train", self.folder / "deck.toml", "directory=run", f"data.file={imported}", *files]
        for victim in (0, 1):
            with self.subTest(rank=victim):
                for left in folder.glob("imported*"):
                    left.unlink()
                running = start(*command, folder=folder, ranks=2)
                running.wait_until(lambda: any(folder.glob("imported*")))
                os.kill(running.ranks()[victim], signal.SIGKILL)
                self.assertNotEqual(running.wait().status, 0)
                if imported.exists():   # rank 0 came to its end first
                    self.inspect(imported)
        self.cheri(*command, "training.max_epochs=1", folder=folder, ranks=2)
        self.assertEqual([path.name for path in folder.glob("imported*")], ["imported.tracks.h5"])

    def test_an_error_on_one_rank_ends_all(self):
        # Rank 0 alone writes: the others must not wait for it.
        directory = self.folder / "blocked"
        directory.mkdir()
        (directory / "checkpoints").write_text("a file where the folder should be")
        done = run("train", "deck.toml", f"directory={directory}", folder=self.folder, ranks=2)
        self.assertNotEqual(done.status, 0)
        self.assertIn("cheri (rank 0): ", done.err)
        self.assertIn(f"{directory}/checkpoints", done.err)


if __name__ == "__main__":
    main()
