"""Tracks files written with h5py, by the table in the README: the smallest that will do, and ones with a fault."""
import shutil

import h5py
import numpy as np

from program import CheriTest, main


def write_by_hand(path, like):
    """Copies what must be there, and the summits, with other types and without checksums, totals or chunks."""
    with h5py.File(path, "w") as file, h5py.File(like) as tracks:
        file.attrs.update(format="cheri-tracks", format_version=1)
        for name in ("chromosomes/name", "tracks/name", "tracks/strand", "tracks/role"):
            file.create_dataset(name, data=tracks[name].asstr()[()], dtype=h5py.string_dtype())
        for name in ("chromosomes/length", "tracks/group"):
            file[name] = tracks[name][()].astype("u4")
        for chromosome in tracks["chromosomes/name"].asstr():
            file[f"sequence/{chromosome}"] = tracks[f"sequence/{chromosome}"][()]
            for track in ("plus", "minus"):
                file[f"signal/{track}/{chromosome}"] = tracks[f"signal/{track}/{chromosome}"][()].astype("f8")
        for kind in ("peaks", "negatives"):
            for name in ("chrom", "start", "end") + (("summit",) if kind == "peaks" else ()):
                file[f"loci/{kind}/{name}"] = tracks[f"loci/{kind}/{name}"][()].astype("i8")


class TracksTest(CheriTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.make_data()
        write_by_hand(cls.folder / "by_hand.h5", cls.folder / "data.tracks.h5")

    def damaged(self, damage):
        shutil.copy(self.folder / "by_hand.h5", self.folder / "bad.h5")
        with h5py.File(self.folder / "bad.h5", "r+") as file:
            damage(file)

    def test_it_is_inspected(self):
        ours, by_hand = self.inspect("data.tracks.h5"), self.inspect("by_hand.h5")
        self.assertEqual([track.pop("type") for track in by_hand["tracks"]], ["f32", "f32"])
        self.assertEqual([track.pop("type") for track in ours["tracks"]], ["u8", "u8"])
        for key in ("chromosomes", "tracks", "loci"):
            self.assertEqual(by_hand[key], ours[key])

    def test_it_is_trained_on_like_ours(self):
        self.assertEqual(self.train("by_hand", "data.file=by_hand.h5"), self.train("ours"))

    def test_filters_are_those_of_hdf5(self):
        def pack(file):
            for name in ("sequence/chr1", "signal/plus/chr2"):
                values = file[name][()]
                del file[name]
                file.create_dataset(name, data=values, chunks=(65536,), shuffle=True, compression=4, fletcher32=True)
        self.damaged(pack)
        self.assertEqual(self.train("packed", "data.file=bad.h5"), self.train("unpacked"))

    def test_a_signal_that_is_not_there_is_zero(self):
        def zeros(file):
            file["signal/minus/chr1"][:] = 0
        def leave_out(file):
            del file["signal/minus/chr1"]
        digests = []
        for directory, damage in (("zeros", zeros), ("left_out", leave_out)):
            self.damaged(damage)
            digests.append(self.train(directory, "data.file=bad.h5"))
        self.assertEqual(*digests)
        self.assertNotEqual(digests[0], self.train("whole"))

    def test_faults(self):
        def change(name, index, value):
            def apply(file):
                file[name][index] = value
            return apply
        def rename(name, index, value):
            def apply(file):
                texts = file[name].asstr()[()]
                texts[index] = value
                file[name][...] = texts
            return apply
        def without(name):
            return lambda file: file.__delitem__(name)
        def shortened(name):
            def apply(file):
                values = file[name][()][:-1]
                del file[name]
                file[name] = values
            return apply
        faults = {
            "negative signal": (change("signal/plus/chr1", 77, -2), ["/signal/plus/chr1 holds -2 at 77", "not negative"]),
            "infinite signal": (change("signal/plus/chr1", 77, np.inf), ["/signal/plus/chr1 holds inf at 77", "must be finite"]),
            "signal that is no number": (change("signal/plus/chr1", 77, np.nan), ["/signal/plus/chr1 holds", "nan at 77"]),
            "code": (change("sequence/chr2", 9, 7), ["/sequence/chr2 holds 7 at 9", "0 to 3 for ACGT, or 4"]),
            "no sequence": (without("sequence/chr2"), ["/sequence/chr2"]),
            "short sequence": (shortened("sequence/chr2"), ["/sequence/chr2", "each of the 400000 positions of \"chr2\""]),
            "short signal": (shortened("signal/minus/chr2"), ["/signal/minus/chr2", "each of the 400000 positions of \"chr2\""]),
            "locus outside": (change("loci/peaks/end", 3, 400001), ["locus 3 of peaks", "not inside its chromosome of 400000 bp"]),
            "summit outside": (change("loci/peaks/summit", 3, 5000), ["locus 3 of peaks", "its summit outside, at 5000"]),
            "chromosome of a locus": (change("loci/peaks/chrom", 3, 6), ["locus 3 of peaks is on chromosome 6 of 6"]),
            "loci of two lengths": (shortened("loci/peaks/start"), ["/loci/peaks", "must have the same number"]),
            "no negatives": (without("loci/negatives"), ["has no loci \"negatives\"", "there are peaks"]),
            "length": (change("chromosomes/length", 0, 0), ["chromosome \"chr1\" has the length 0"]),
            "a name twice": (rename("chromosomes/name", 1, "chr1"), ["two chromosomes have the name \"chr1\""]),
            "a name with a slash": (rename("tracks/name", 1, "a/b"), ["\"a/b\" cannot be the name of a track"]),
            "role": (rename("tracks/role", 1, "input"), ["has the role \"input\"", "\"signal\" or \"control\""]),
            "strand": (rename("tracks/strand", 1, "x"), ["has the strand \"x\"", "\"+\", \"-\" or \".\""]),
            "group": (change("tracks/group", 1, 2), ["has the group 2 after 0", "groups count from 0"]),
            "version": (lambda file: file.attrs.modify("format_version", 9), ["has version 9", "reads 1 to 1"]),
            "checksum": (lambda file: file["sequence/chr1"].attrs.create("crc32", 1, dtype="u8"),
                         ["/sequence/chr1 is damaged", "do not have their checksum"]),
        }
        for what, (damage, reason) in faults.items():
            with self.subTest(what):
                self.damaged(damage)
                self.fails("train", "deck.toml", "data.file=bad.h5", "directory=bad", saying=["bad.h5"] + reason)
        self.assertFalse((self.folder / "bad/checkpoints").exists())


if __name__ == "__main__":
    main()
