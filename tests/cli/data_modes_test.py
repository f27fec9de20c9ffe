"""Training from an examples file that is streamed: stopped and gone on with, and what is said when the file is wrong."""
import os
import shutil
import signal

import h5py

from program import StoppedRunsTest, main, start


class DataModesTest(StoppedRunsTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        deck = (cls.folder / "deck.toml").read_text()
        (cls.folder / "tracks.toml").write_text(deck)
        (cls.folder / "deck.toml").write_text(deck.replace('file = "data.tracks.h5"', 'file = "examples.h5"\nmode = "stream"'))

    def setUp(self):
        if not (self.folder / "examples.h5").exists():
            self.cheri("pack", "tracks.toml", "--out", "examples.h5")
            self.train("whole", deck="tracks.toml")

    def test_stopped_and_gone_on_with_in_another_mode(self):
        done = self.stopped("stopped", signal.SIGTERM, ranks=2, at_step=50)
        self.assertIn("data.mode stream: as the deck says", done.err)
        self.stopped("stopped", signal.SIGTERM, at_step=150)
        self.cheri("train", "deck.toml", "directory=stopped", "data.mode=node", ranks=2)
        self.assert_whole("stopped")
        self.assertEqual((self.folder / "stopped/metrics.json").read_text(), (self.folder / "whole/metrics.json").read_text())

    def test_auto_says_what_it_takes_and_why(self):
        for ranks, mode in ((0, "data.mode device: "), (2, "data.mode node: ")):
            done = self.cheri("train", "deck.toml", "data.mode=auto", f"directory=auto{ranks}", "training.max_epochs=1", ranks=ranks)
            self.assertRegex(done.err, mode + r"\d+ MB of records")

    def test_predictions_are_the_same(self):
        for mode in ("device", "stream"):
            self.cheri("train", "deck.toml", f"data.mode={mode}", f"directory=model-{mode}", "training.max_epochs=1")
            self.cheri("predict", f"model-{mode}", "--out", f"{mode}.h5")
            # The deck's mode is for its own file: tracks cannot be streamed.
            self.cheri("evaluate", f"model-{mode}", "--data", "data.tracks.h5")
        with h5py.File(self.folder / "device.h5") as device, h5py.File(self.folder / "stream.h5") as stream:
            for name in ("logits", "log_counts"):
                self.assertEqual(device[name][()].tobytes(), stream[name][()].tobytes())

    def test_what_cannot_be_streamed(self):
        self.fails("train", "deck.toml", "data.file=data.tracks.h5", "directory=x",
                   saying=["data.tracks.h5 is a tracks file", "`cheri pack`"])
        for name, storage in {"chunked": {"chunks": True}, "big_endian": {"dtype": ">u4"}}.items():
            with self.subTest(name):
                with h5py.File(self.folder / "examples.h5") as file, h5py.File(self.folder / f"{name}.h5", "w") as other:
                    other.attrs.update(file.attrs)
                    for item in file:
                        file.copy(item, other)
                    del other["signal"]
                    other.create_dataset("signal", data=file["signal"][()], **storage)
                self.fails("train", "deck.toml", f"data.file={name}.h5", "directory=x",
                           saying=[f"{name}.h5: /signal (u", "not stored in one piece", "`cheri pack`"])
                self.train(name, f"data.file={name}.h5", "data.mode=device")
                self.assert_whole(name)
        self.fails("train", "deck.toml", "data.mode=disk", "directory=x", saying=["data.mode is \"disk\"", "auto, device, node or stream"])

    def test_a_file_that_is_cut(self):
        whole = (self.folder / "examples.h5").read_bytes()
        (self.folder / "cut.h5").write_bytes(whole[:-len(whole) // 3])
        done = self.fails("train", "deck.toml", "data.file=cut.h5", "directory=cut", saying=["cut.h5", "truncated file"])
        self.assertEqual(done.status, 2)

    def test_a_file_that_is_cut_while_it_is_read(self):
        for ranks in (0, 2):
            with self.subTest(ranks=ranks):
                path = self.folder / "shrinking.h5"
                shutil.copy(self.folder / "examples.h5", path)
                with h5py.File(path) as file:
                    end = file["sequence"].id.get_offset()
                running = start("train", "deck.toml", f"data.file={path}", f"directory=shrinking{ranks}",
                                "training.max_epochs=100000", folder=self.folder, ranks=ranks)
                running.wait_for("step ")
                os.truncate(path, end)
                done = running.wait()
                self.assertNotEqual(done.status, 0, done)
                self.assertIn(f"{path}: /sequence is cut off: it reaches to byte", done.err)
                self.assertIn(f"and the file has {end}", done.err)
                self.assertEqual(running.ranks(), [])

    def test_an_impossible_code_ends_all_ranks(self):
        path = self.folder / "coded.h5"
        shutil.copy(self.folder / "examples.h5", path)
        with h5py.File(path, "r+") as file:
            file["sequence"][5, 120] = 7   # a peak on chr1, in the middle of its record of 240
        done = self.fails("train", "deck.toml", f"data.file={path}", "directory=coded", ranks=2,
                          saying=["coded.h5: /sequence holds 7 at 1320; codes must be 0 to 3"])
        self.assertNotIn("terminate", done.err)


if __name__ == "__main__":
    main()
