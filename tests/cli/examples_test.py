"""Examples files: made by cheri pack, or by the lines of h5py in the README."""
import re
import shutil
import subprocess
import sys

import h5py
import numpy as np

from program import SOURCE, CheriTest, main


class PackTest(CheriTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.make_data()

    def test_training_from_examples_gives_the_model_of_the_tracks(self):
        self.cheri("pack", "deck.toml", "--out", "examples.h5")
        self.assertEqual(self.train("from_examples", "data.file=examples.h5"), self.train("from_tracks"))

    def test_wider_examples_serve_a_narrower_deck(self):
        self.cheri("pack", "deck.toml", "data.in_window=300", "data.out_window=200", "data.max_jitter=40", "--out", "wide.h5")
        self.assertEqual(self.train("narrow", "data.file=wide.h5"), self.train("from_tracks_again"))

    def test_windows_are_those_of_the_loci(self):
        self.cheri("pack", "deck.toml", "--out", "windows.h5")
        with h5py.File(self.folder / "windows.h5") as packed, h5py.File(self.folder / "data.tracks.h5") as tracks:
            names = tracks["chromosomes/name"].asstr()[()]
            for row in (0, 100, len(packed["sequence"]) - 1):
                name, centre = names[packed["loci/chrom"][row]], packed["loci/centre"][row]
                is_peak = packed["loci/kind"][row] == 0
                self.assertEqual(centre, packed["loci/start"][row] + (packed["loci/summit"][row] if is_peak else 300))
                np.testing.assert_array_equal(packed["sequence"][row], tracks["sequence"][name][centre - 120:centre + 120])
                for channel, track in enumerate(("plus", "minus")):
                    expected = tracks["signal"][track][name][centre - 70:centre + 70]
                    np.testing.assert_array_equal(packed["signal"][row, channel], expected)

    def test_same_bytes_again(self):
        folders = [self.new_folder(), self.new_folder()]
        for folder, ranks in zip(folders, (0, 2)):
            self.cheri("pack", self.folder / "deck.toml", "--out", "same.h5", folder=folder, ranks=ranks)
        self.assertEqual(*[(folder / "same.h5").read_bytes() for folder in folders])

    def test_bad_requests(self):
        target = self.new_folder()
        out = ["--out", target / "out.h5"]
        self.fails("pack", "deck.toml", "data.file=nowhere.h5", *out, saying=["nowhere.h5", "No such file"])
        self.fails("pack", "deck.toml", "data.peaks=summits", *out,
                   saying=["has no loci \"summits\"", "there are negatives and peaks"])
        self.cheri("pack", "deck.toml", "--out", "packed.h5")
        self.fails("pack", "deck.toml", "data.file=packed.h5", *out, saying=["packed.h5", "cheri-examples", "cheri-tracks"])
        self.fails("pack", "deck.toml", "data.in_window=800000", *out, saying=["has room for its windows"])
        self.assertEqual(list(target.iterdir()), [])
        self.fails("train", "deck.toml", "data.file=packed.h5", "data.in_window=202", "directory=wide",
                   saying=["packed.h5 holds windows of 200 and 100 bp with a jitter of 20", "pack it again with wider ones"])


class WrittenByHandTest(CheriTest):
    """Runs the h5py block of the README, and damages what it wrote."""

    DECK = """
    name = "by hand"
    directory = "run"
    [data]
    file = "examples.h5"
    training_chromosomes = ["chr1"]
    validation_chromosomes = ["chr2"]
    test_chromosomes = ["chr3"]
    in_window = 400
    out_window = 200
    max_jitter = 50
    [model]
    n_filters = 8
    n_layers = 2
    [training]
    batch_size = 16
    max_epochs = 2
    min_total_steps = 1
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        blocks = re.findall(r"^```python\n(.*?)^```$", (SOURCE / "README.md").read_text(), re.DOTALL | re.MULTILINE)
        assert len(blocks) == 1, f"README.md must have one block of Python, and has {len(blocks)}"
        subprocess.run([sys.executable, "-c", blocks[0]], cwd=cls.folder, check=True, timeout=60)
        (cls.folder / "deck.toml").write_text(cls.DECK)

    def test_it_is_inspected(self):
        found = self.inspect("examples.h5", "--deck", "deck.toml")
        self.assertEqual(found["format"], "cheri-examples")
        self.assertEqual((found["in_window"], found["out_window"], found["max_jitter"]), (400, 200, 50))
        self.assertEqual(found["tracks"], [{"name": "signal0", "group": 0, "strand": ".", "role": "signal"}])
        self.assertEqual(found["loci"], [{"chromosome": f"chr{i}", "peaks": 80, "negatives": 20} for i in (1, 2, 3)])
        self.assertEqual([found["splits"][split]["negatives"]["kept"] for split in ("training", "validation", "test")], [20] * 3)

    def test_it_is_trained_on(self):
        self.cheri("train", "deck.toml")
        lines = self.cheri("evaluate", "run").out.splitlines()
        self.assertIn("test: 80 peaks, 20 negatives", lines[0])
        self.cheri("predict", "run", "--out", "predicted.h5")
        with h5py.File(self.folder / "predicted.h5") as file:
            self.assertEqual(file["logits"].shape, (100, 1, 200))
        self.fails("predict", "run", "--out", "other.h5", "--bigwig", "other", saying=["length of chr1", "a bigWig needs"])

    def test_a_chromosome_that_it_does_not_name(self):
        self.fails("train", "deck.toml", "data.test_chromosomes=[\"chr4\"]", "directory=chr4",
                   saying=["examples.h5 has no chromosome \"chr4\"", "it has chr1, chr2 and chr3"])

    def test_values_that_cannot_be(self):
        def change(name, index, value):
            def apply(file):
                file[name][index] = value
            return apply
        def replace(name, make):
            def apply(file):
                values = make(file[name][()])
                del file[name]
                file[name] = values
            return apply
        def real_signal(value):
            def make(values):
                values = values.astype("f4")
                values[3, 0, 7] = value
                return values
            return replace("signal", make)
        faults = {
            "code": (change("sequence", (2, 5), 5), ["/sequence holds 5 at 1005", "codes must be 0 to 3"]),
            "kind": (change("loci/kind", 4, 2), ["locus 4 has the kind 2", "0 (peak) or 1 (negative)"]),
            "chromosome": (change("loci/chrom", 4, 3), ["locus 4 lies on chromosome 3 of 3"]),
            "negative signal": (real_signal(-1), ["/signal holds -1 at 907", "finite and not negative"]),
            "signal that is no number": (real_signal(np.nan), ["/signal holds", "nan at 907", "finite and not negative"]),
            "too few loci": (replace("loci/kind", lambda kinds: kinds[:-1]), ["299 kinds", "for 300 examples"]),
            "records of another width": (replace("sequence", lambda codes: codes[:, :-1]),
                                         ["/sequence", "300 rows and records of 500 positions"]),
            "newer version": (lambda file: file.attrs.modify("format_version", 2),
                              ["has version 2 of the format \"cheri-examples\"", "reads 1 to 1"]),
            "other format": (lambda file: file.attrs.modify("format", "mine"), ["its format is \"mine\"", "cheri-examples"]),
            "no window": (lambda file: file.attrs.__delitem__("in_window"), ["in_window"]),
            "no signal": (lambda file: file.__delitem__("signal"), ["/signal"]),
            "checksum": (lambda file: file["signal"].attrs.create("crc32", 1, dtype="u8"),
                         ["/signal is damaged", "do not have their checksum"]),
        }
        for what, (damage, reason) in faults.items():
            with self.subTest(what):
                shutil.copy(self.folder / "examples.h5", self.folder / "bad.h5")
                with h5py.File(self.folder / "bad.h5", "r+") as file:
                    damage(file)
                self.fails("train", "deck.toml", "data.file=bad.h5", "directory=bad", saying=["bad.h5"] + reason)

    def test_truncated_file(self):
        whole = (self.folder / "examples.h5").read_bytes()
        (self.folder / "cut.h5").write_bytes(whole[:len(whole) // 2])
        self.fails("train", "deck.toml", "data.file=cut.h5", "directory=cut", saying=["cut.h5", "truncated"])


if __name__ == "__main__":
    main()
