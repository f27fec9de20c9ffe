"""A disk that answers with errors (EIO): the program names the file, ends with status 1, for trying again may help, and loses nothing."""
import os

from program import StoppedRunsTest, main

LIBRARY = os.environ["CHERI_FAILING_DISK"]


def failing(calls, path, first=1, rank=None):
    """Environment in which calls (read, write or sync) on files with this text in their path fail, from the first-th on."""
    found = {"LD_PRELOAD": LIBRARY, "FAILING_PATH": str(path), "FAILING_CALLS": calls, "FAILING_FROM": str(first)}
    return found if rank is None else {**found, "FAILING_RANK": str(rank)}


class FailingDiskTest(StoppedRunsTest):
    STEPS, STEPS_OF_CHECKPOINT = 80, 10

    def fails_by_disk(self, *arguments, file, environment, folder=None, **how):
        """One message, which names the file and the reason; and nothing half written is left."""
        done = self.fails(*arguments, saying=[str(file), "Input/output error"], environment=environment, folder=folder, **how)
        self.assertEqual(done.status, 1, done)
        messages = [line for line in done.err.splitlines() if line.startswith("cheri")]
        self.assertEqual(len(messages), 1, done)
        self.assertIn("Input/output error", messages[0])
        self.assertNotIn("does not hold", messages[0])
        self.assertEqual([path.name for path in (folder or self.folder).rglob("*.part*")], [])
        return done

    def train_fails(self, directory, *arguments, file, environment, **how):
        return self.fails_by_disk("train", "deck.toml", f"directory={directory}", *arguments, file=file,
                                  environment=environment, **how)

    def goes_on(self, directory, **how):
        done = self.cheri("train", "deck.toml", f"directory={directory}", **how)
        self.assert_whole(directory)
        self.assertEqual(self.digest(f"{directory}/best.h5"), self.digest("whole/best.h5"))
        self.assertEqual(len((self.folder / directory / "log.tsv").read_text().splitlines()),
                         len((self.folder / "whole/log.tsv").read_text().splitlines()))
        return done

    def test_a_checkpoint(self):
        for calls in ("write", "sync"):
            for ranks in (0, 2):
                with self.subTest(calls=calls, ranks=ranks):
                    directory = f"checkpoint-{calls}{ranks}"
                    self.train_fails(directory, file=f"cannot write {self.folder}/{directory}/checkpoints/step-", ranks=ranks,
                                     environment=failing(calls, f"{directory}/checkpoints/", 5))
                    found = self.checkpoints(directory)
                    self.assertEqual(len(found), 3)
                    for checkpoint in found:
                        self.inspect(checkpoint)   # compares its checksum
                    self.assertIn(f"going on from {found[-1]}", self.goes_on(directory).err)

    def test_the_models_and_the_log(self):
        for calls, file in (("write", "best.h5"), ("sync", "final.h5"), ("write", "final.h5"), ("write", "log.tsv"),
                            ("write", "deck.toml"), ("write", "metrics.json"), ("write", "report.html")):
            with self.subTest(f"{calls} {file}"):
                directory = f"{file}-{calls}"
                self.train_fails(directory, file=f"cannot write {self.folder}/{directory}/{file}",
                                 environment=failing(calls, f"{directory}/{file}"))
                self.goes_on(directory)

    def test_a_line_of_the_log(self):
        self.train_fails("line", file=f"cannot write {self.folder}/line/log.tsv", environment=failing("write", "line/log.tsv", 4))
        self.goes_on("line", ranks=2)

    def test_checkpoints_that_cannot_be_read_are_not_damaged(self):
        self.stopped("unread", at_step=20)
        before = {path: path.read_bytes() for path in (self.folder / "unread").rglob("*.h5")}
        *_, older, newest = self.checkpoints("unread")
        self.train_fails("unread", file=f"cannot read {newest}", environment=failing("read", "unread/checkpoints"))
        for path, content in before.items():
            self.assertEqual(path.read_bytes(), content)
        done = self.cheri("train", "deck.toml", "directory=unread", environment=failing("read", newest))
        self.assertIn(f"skipped cannot read {newest}: Input/output error", done.err)
        self.assertIn(f"going on from {older}", done.err)
        self.assert_whole("unread")

    def test_streamed_records(self):
        self.cheri("pack", "deck.toml", "--out", "examples.h5")
        file = self.folder / "examples.h5"
        arguments = ["data.file=examples.h5", "data.mode=stream"]
        for ranks, rank in ((0, None), (2, None), (2, 0), (2, 1)):
            with self.subTest(ranks=ranks, rank=rank):
                directory = f"stream{ranks}{rank}"
                self.train_fails(directory, *arguments, file=f"{file}: cannot read /", ranks=ranks,
                                 environment=failing("read", file, 1500, rank))
                self.assertTrue(self.checkpoints(directory))   # some steps were taken
                self.cheri("train", "deck.toml", f"directory={directory}", *arguments)
                self.assert_whole(directory)

    def test_data_at_the_start(self):
        self.cheri("pack", "deck.toml", "--out", "start.h5")
        for name in ("data.tracks.h5", "start.h5"):
            for first, ranks in ((1, 0), (2, 0), (30, 0), (30, 2)):   # in opening it, in reading what it is, or the rest
                with self.subTest(name, first=first, ranks=ranks):
                    self.train_fails("start", f"data.file={name}", file=self.folder / name, ranks=ranks,
                                     environment=failing("read", self.folder / name, first))

    def test_the_deck(self):
        self.train_fails("deck", file="cannot read deck.toml", environment=failing("read", self.folder / "deck.toml"))

    def test_a_model(self):
        for first in (1, 2, 4):   # its seal, its checksum, HDF5
            with self.subTest(first=first):
                self.fails_by_disk("predict", "whole", "--out", "none.h5", file="whole/best.h5",
                                   environment=failing("read", "whole/best.h5", first))

    def test_what_commands_write(self):
        self.cheri("synthesize", "--out", "unused.h5", "--raw", "raw")
        files = ["--sequences", "raw/genome.fa.gz", "--signal", "raw/plus.bw,raw/minus.bw", "--peaks", "raw/peaks.narrowPeak"]
        for command in (["import", *files], ["pack", "deck.toml"], ["predict", "whole"], ["synthesize"]):
            for calls, first in (("write", 1), ("write", 6), ("sync", 1)):
                with self.subTest(command[0], calls=calls, first=first):
                    folder = self.new_folder()
                    out = folder / "out.h5"
                    self.fails_by_disk(*command, "--out", out, file=out, environment=failing(calls, folder, first))
                    self.assertEqual(list(folder.iterdir()), [])

    def test_other_formats(self):
        folder = self.new_folder()
        cases = ((["predict", "whole", "--bigwig", folder / "p"], "p.plus.bw", (1, 3, 30)),
                 (["synthesize", "--raw", folder / "raw"], "raw/genome.fa.gz", (1, 3)),
                 (["evaluate", "whole"], "out", (1,)))
        for (command, *arguments), name, numbers in cases:
            for first in numbers:
                with self.subTest(name, first=first):
                    out = folder / ("out" if command == "evaluate" else "out.h5")
                    self.fails_by_disk(command, *arguments, "--out", out, file=f"cannot write {folder / name}",
                                       environment=failing("write", folder / name, first))
                    self.assertFalse((folder / name).exists())

    def test_what_is_imported(self):
        self.cheri("synthesize", "--out", "unused.h5", "--raw", "imported")
        files = {"genome.fa.gz": "--sequences", "plus.bw": "--signal", "peaks.narrowPeak": "--peaks"}
        arguments = [part for name, key in files.items() for part in (key, f"imported/{name}")]
        for name in files:
            with self.subTest(name):
                self.fails_by_disk("import", *arguments, "--out", "none.h5", file=f"cannot read imported/{name}",
                                   environment=failing("read", f"imported/{name}"))


if __name__ == "__main__":
    main()
