"""cheri import: what it reads, what it makes of it, and that it does not depend on threads or ranks."""
import gzip

import h5py
import numpy as np

from genome_files import bgzipped, gzipped, write_bed, write_bigwig, write_fasta
from program import CheriTest, content, main


class ImportTest(CheriTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.make_data("--raw", "raw")
        cls.raw = cls.folder / "raw"
        cls.genome = cls.raw / "genome.fa.gz"
        cls.tracks = ["--signal", f"{cls.raw}/plus.bw,{cls.raw}/minus.bw"]
        cls.loci = ["--peaks", cls.raw / "peaks.narrowPeak", "--negatives", cls.raw / "negatives.bed"]
        cls.peaks = [line.split("\t") for line in (cls.raw / "peaks.narrowPeak").read_text().splitlines()]

    def import_into(self, folder, *arguments, ranks=0):
        """Imports into a file of the same name in any folder: the file remembers the command."""
        return self.cheri("import", *arguments, "--out", "out.tracks.h5", folder=folder, ranks=ranks)

    def import_content(self, *arguments):
        folder = self.new_folder()
        self.import_into(folder, *arguments)
        return content(folder / "out.tracks.h5")

    def import_bytes(self, *arguments):
        folder = self.new_folder()
        self.import_into(folder, *arguments)
        return (folder / "out.tracks.h5").read_bytes()

    def loci_of(self, *arguments, name="peaks"):
        """[(chromosome, start, end, summit)] of a set, and what import said."""
        folder = self.new_folder()
        said = self.import_into(folder, "--sequences", self.genome, *self.tracks, *arguments).said
        with h5py.File(folder / "out.tracks.h5", "r") as file:
            names = [chromosome.decode() for chromosome in file["chromosomes/name"][()]]
            loci = file["loci"][name]
            chromosomes = [names[chromosome] for chromosome in loci["chrom"][()]]
            rows = zip(chromosomes, *(loci[column][()].tolist() for column in ("start", "end", "summit")))
            return list(rows), said, dict(loci.attrs)

    def test_raw_files_become_what_synthesize_wrote(self):
        imported = self.import_content("--sequences", self.genome, *self.tracks, *self.loci)
        self.assertEqual(imported, content(self.folder / "data.tracks.h5"))
        self.assertEqual(len([name for name in imported if name.startswith("signal/plus/")]), 6)

    def test_same_bytes_and_notes_for_any_number_of_ranks(self):
        write_bigwig(self.folder / "control.bw", {"chr2": 400000}, [("chr2", 100, 200, 70000.0)])
        files = ["--sequences", self.genome, *self.tracks]
        for what in ([*self.loci, "--threads", 1], [*self.loci, "--threads", 2],
                     ["--control", self.folder / "control.bw", "--peaks", self.raw / "peaks.narrowPeak", "--threads", 2]):
            folder = self.new_folder()
            notes = self.notes(self.import_into(folder, *files, *what))
            alone = (folder / "out.tracks.h5").read_bytes()
            for ranks in (1, 2, 3, 4):
                with self.subTest(what=what, ranks=ranks):
                    folder = self.new_folder()
                    self.assertEqual(self.notes(self.import_into(folder, *files, *what, ranks=ranks)), notes)
                    self.assertEqual([path.name for path in folder.iterdir()], ["out.tracks.h5"])
                    self.assertEqual((folder / "out.tracks.h5").read_bytes(), alone)

    @staticmethod
    def notes(done):
        """What was said, without the time of day and how far it was."""
        return [line.split(" ", 1)[1] for line in done.err.splitlines() if "%" not in line]

    def test_same_bytes_for_any_number_of_threads(self):
        command = ["--sequences", self.genome, *self.tracks, "--peaks", self.raw / "peaks.narrowPeak", "--threads"]
        one, four = self.import_bytes(*command, 1), self.import_bytes(*command, 4)
        self.assertEqual(len(one), len(four))
        differing = [i for i, (a, b) in enumerate(zip(one, four)) if a != b]
        # The command that the file remembers: one digit, and the four bytes of a checksum.
        self.assertEqual([(one[i], four[i]) for i in differing].count((ord("1"), ord("4"))), 1)
        self.assertLessEqual(len(differing), 5)

    def test_fasta_is_plain_gzip_or_bgzip(self):
        plain = self.folder / "genome.fa"
        plain.write_bytes(gzip.decompress(self.genome.read_bytes()))
        expected = content(self.folder / "data.tracks.h5")
        for path in (plain, bgzipped(plain)):
            with self.subTest(path=path):
                self.assertEqual(self.import_content("--sequences", path, *self.tracks, *self.loci), expected)

    def test_letters_beside_acgt_are_other(self):
        write_fasta(self.folder / "small.fa", {"chrA": "ACGTacgtNnRy" * 10})
        write_bigwig(self.folder / "small.bw", {"chrA": 120}, [("chrA", 3, 5, 2.5)])
        write_bed(self.folder / "small.bed", [("chrA", 10, 20)])
        folder = self.new_folder()
        self.import_into(folder, "--sequences", self.folder / "small.fa", "--signal", self.folder / "small.bw", "--peaks",
                         self.folder / "small.bed", "--negatives-per-peak", 0)
        with h5py.File(folder / "out.tracks.h5", "r") as file:
            self.assertEqual(file["sequence/chrA"][:12].tolist(), [0, 1, 2, 3, 0, 1, 2, 3, 4, 4, 4, 4])
            self.assertEqual(file["signal/small/chrA"][:7].tolist(), [0, 0, 0, 2.5, 2.5, 0, 0])
            self.assertEqual(file["loci/negatives/chrom"].shape, (0,))

    def test_h5py_reads_what_was_packed(self):
        random = np.random.default_rng(1)
        length = 200_000
        letters = random.choice(list("ACGTN"), length, p=[0.3, 0.2, 0.2, 0.299, 0.001])
        write_fasta(self.folder / "packed.fa", {"chrA": "".join(letters)})
        write_bed(self.folder / "packed.bed", [("chrA", 10, 20)])
        expected, signals = {}, []
        for kind, scale in {"u1": 1, "u2": 100, "u4": 10_000, "f4": 0.3}.items():
            values = (random.integers(1, 200, length) * scale * (random.random(length) < 0.1)).astype("f4")
            values[65536:131072] = 0
            expected[kind] = values
            write_bigwig(self.folder / f"{kind}.bw", {"chrA": length},
                         [("chrA", int(i), int(i) + 1, float(values[i])) for i in np.flatnonzero(values)])
            signals += ["--signal", self.folder / f"{kind}.bw"]
        folder = self.new_folder()
        self.import_into(folder, "--sequences", self.folder / "packed.fa", *signals, "--peaks", self.folder / "packed.bed",
                         "--negatives-per-peak", 0)
        with h5py.File(folder / "out.tracks.h5", "r") as file:
            np.testing.assert_array_equal(np.array(list("ACGTN"))[file["sequence/chrA"][()]], letters)
            for kind, values in expected.items():
                dataset = file[f"signal/{kind}/chrA"]
                self.assertEqual(dataset.dtype, np.dtype(kind))
                np.testing.assert_array_equal(dataset[()], values)
                self.assertAlmostEqual(dataset.attrs["total"] / values.sum(dtype="f8"), 1)
                self.assertEqual((dataset.compression, dataset.shuffle, dataset.id.get_num_chunks()), ("gzip", True, 3))

    def test_several_peak_files_of_several_kinds(self):
        third = len(self.peaks) // 3
        write_bed(self.folder / "a.narrowPeak", self.peaks[:third])
        write_bed(self.folder / "b.bed", [peak[:3] for peak in self.peaks[third:2 * third]])
        write_bed(self.folder / "c.narrowPeak", self.peaks[2 * third:])
        files = [self.folder / "a.narrowPeak", self.folder / "b.bed", gzipped(self.folder / "c.narrowPeak")]
        loci, said, _ = self.loci_of("--peaks", *files, "--negatives", self.raw / "negatives.bed")
        expected = [(peak[0], int(peak[1]), int(peak[2]), int(peak[9])) for peak in self.peaks]
        expected[third:2 * third] = [peak[:3] + (-1,) for peak in expected[third:2 * third]]
        self.assertEqual(loci, expected)
        for file in files:
            self.assertIn(f"{file}: {third if file != files[2] else len(self.peaks) - 2 * third} loci", said)

    def test_excluded_loci_are_dropped_and_counted(self):
        excluded = self.peaks[4:9]
        write_bed(self.folder / "exclude.bed", [(peak[0], int(peak[1]) + 1, int(peak[1]) + 2) for peak in excluded])
        loci, said, attributes = self.loci_of(*self.loci, "--exclude", self.folder / "exclude.bed")
        self.assertEqual(len(loci), len(self.peaks) - 5)
        self.assertFalse({locus[:2] for locus in loci} & {(peak[0], int(peak[1])) for peak in excluded})
        self.assertIn("5 peaks dropped, they overlap an exclusion", said)
        self.assertEqual(attributes["excluded"], 5)

    def test_chromosomes_may_be_chosen(self):
        loci, said, attributes = self.loci_of(*self.loci, "--chromosomes", "chr2", "chr5")
        self.assertEqual({locus[0] for locus in loci}, {"chr2", "chr5"})
        self.assertIn("2 of 6 chromosomes", said)
        self.assertEqual(attributes["other_chromosome"], len(self.peaks) - len(loci))

    def test_groups_strands_and_controls(self):
        write_bigwig(self.folder / "input.bw", {"chr1": 400000}, [("chr1", 100, 200, 70000.0)])
        folder = self.new_folder()
        said = self.import_into(folder, "--sequences", self.genome, *self.tracks, "--signal", self.raw / "minus.bw", "--control",
                                self.folder / "input.bw", *self.loci).said
        found = self.inspect(folder / "out.tracks.h5")["tracks"]
        self.assertEqual([(track["name"], track["group"], track["strand"], track["role"]) for track in found],
                         [("plus", 0, "+", "signal"), ("minus", 0, "-", "signal"), ("minus.2", 1, ".", "signal"),
                          ("input", 0, ".", "control")])
        self.assertEqual((found[3]["type"], found[3]["total"]), ("u32", 7e6))
        self.assertIn("no signal, taken as 0: chr2, chr3, chr4, chr5, chr6", said)


class DrawnNegativesTest(CheriTest):
    """A genome whose first half is poor in GC and whose second is rich; all peaks are in the rich one."""

    window = 500

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        random = np.random.default_rng(5)
        cls.sequences = {}
        for name in ("chrA", "chrB"):
            codes = np.concatenate([random.choice(4, 60000, p=[(1 - gc) / 2, gc / 2, gc / 2, (1 - gc) / 2]) for gc in (0.3, 0.6)])
            cls.sequences[name] = "".join("ACGT"[code] for code in codes)
        write_fasta(cls.folder / "genome.fa", cls.sequences)
        write_bigwig(cls.folder / "signal.bw", {"chrA": 120000, "chrB": 120000}, [("chrA", 0, 9, 1.0), ("chrB", 0, 9, 1.0)])
        cls.peaks = [(name, 65000 + 2500 * i, 65200 + 2500 * i) for name in cls.sequences for i in range(20)]
        write_bed(cls.folder / "peaks.bed", cls.peaks)

    def draw(self, *arguments):
        """The bytes of the file and its negatives."""
        folder = self.new_folder()
        self.cheri("import", "--sequences", self.folder / "genome.fa", "--signal", self.folder / "signal.bw", "--peaks",
                   self.folder / "peaks.bed", "--negative-window", self.window, *arguments, "--out", "out.h5", folder=folder)
        with h5py.File(folder / "out.h5", "r") as file:
            negatives = file["loci/negatives"]
            rows = zip(negatives["chrom"][()], negatives["start"][()].tolist(), negatives["end"][()].tolist())
            loci = [(("chrA", "chrB")[chromosome], start, end) for chromosome, start, end in rows]
        return (folder / "out.h5").read_bytes(), loci

    def gc(self, locus):
        """Of the window around a locus's centre."""
        start = (locus[1] + locus[2]) // 2 - self.window // 2
        letters = self.sequences[locus[0]][start:start + self.window]
        return sum(letter in "GC" for letter in letters) / self.window

    def test_negatives_have_the_gc_of_the_peaks_and_keep_away_from_them(self):
        _, negatives = self.draw("--seed", 1)
        self.assertEqual(len(negatives), len(self.peaks))
        for name in self.sequences:
            own = [locus for locus in negatives if locus[0] == name]
            peaks = [peak for peak in self.peaks if peak[0] == name]
            self.assertEqual(len(own), len(peaks))
            # Each is drawn for a bin of 0.02, two bins away at most.
            for of_peak, of_negative in zip(sorted(map(self.gc, peaks)), sorted(map(self.gc, own))):
                self.assertLessEqual(abs(of_peak - of_negative), 0.06)
            everything = sorted(locus[1:] for locus in own + peaks)
            for (_, end), (start, _) in zip(everything, everything[1:]):
                self.assertLessEqual(end, start)
            self.assertEqual({end - start for _, start, end in own}, {self.window})

    def test_the_seed_decides(self):
        first, loci = self.draw("--seed", 1)
        self.assertEqual(self.draw("--seed", 1)[0], first)
        self.assertNotEqual(self.draw("--seed", 2)[1], loci)

    def test_their_number_is_given_for_each_peak(self):
        self.assertEqual(len(self.draw("--negatives-per-peak", 0.5)[1]), len(self.peaks) // 2)
        self.assertEqual(self.draw("--negatives-per-peak", 0)[1], [])


if __name__ == "__main__":
    main()
