"""cheri import of bad input: each error names the file, what is wrong in it and what would be right, and leaves no file."""
import gzip

from genome_files import write_bed, write_bigwig, write_fasta
from program import CheriTest, main


class ImportErrorsTest(CheriTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        sequence = "ACGTTGCA" * 125
        write_fasta(cls.folder / "genome.fa", {"chrI": sequence, "chrII": sequence})
        cls.lengths = {"chrI": 1000, "chrII": 1000}
        write_bigwig(cls.folder / "good.bw", cls.lengths, [("chrI", 10, 20, 3.0), ("chrII", 30, 40, 2.0)])
        write_bed(cls.folder / "good.bed", [("chrI", 100, 200), ("chrII", 300, 400)])

    def refuses(self, saying, **given):
        """An import of good files but for those given must end with an error that has these parts, and leave nothing."""
        files = {"sequences": "genome.fa", "signal": "good.bw", "peaks": "good.bed", "negatives": "good.bed", **given}
        arguments = [part for name, value in files.items() for part in ("--" + name, value)]
        target = self.new_folder()
        self.fails("import", *arguments, "--out", target / "out.h5", saying=saying)
        self.assertEqual(list(target.iterdir()), [])

    def test_good_files_are_imported(self):
        # What the other tests change is their only fault.
        self.cheri("import", "--sequences", "genome.fa", "--signal", "good.bw", "--peaks", "good.bed", "--negatives", "good.bed",
                   "--out", "good.h5")

    def test_missing_files(self):
        for option in ("sequences", "signal", "peaks", "negatives", "exclude"):
            with self.subTest(option=option):
                self.refuses(["nowhere.x", "No such file"], **{option: "nowhere.x"})

    def test_text_given_as_bigwig(self):
        self.refuses(["good.bed", "is no bigWig", "does not begin with a bigWig's first four bytes"], signal="good.bed")

    def test_truncated_bigwig(self):
        whole = (self.folder / "good.bw").read_bytes()
        for n in (40, 100, len(whole) - 10):
            (self.folder / "cut.bw").write_bytes(whole[:n])
            with self.subTest(bytes=n):
                self.refuses(["cut.bw", "truncated"], signal="cut.bw")

    def test_negative_and_infinite_values(self):
        for value, shown in ((-3.5, "-3.5"), (float("inf"), "inf")):
            write_bigwig(self.folder / "bad.bw", self.lengths, [("chrI", 10, 20, 3.0), ("chrII", 30, 40, value)])
            with self.subTest(value=value):
                self.refuses(["bad.bw", shown, "position 30", "chrII", "finite and not negative"], signal="bad.bw")

    def test_chromosome_of_another_length(self):
        write_bigwig(self.folder / "long.bw", {"chrI": 1000, "chrII": 1001}, [("chrI", 10, 20, 3.0)])
        self.refuses(["chrII has 1001 positions in long.bw and 1000 in genome.fa", "different assemblies"], signal="long.bw")

    def test_no_chromosome_in_common(self):
        write_bigwig(self.folder / "other.bw", {"1": 1000, "2": 1000}, [("1", 10, 20, 3.0)])
        self.refuses(["other.bw and genome.fa have no chromosome in common", "1, 2", "chrI, chrII"], signal="other.bw")
        write_bed(self.folder / "other.bed", [("1", 10, 20)])
        self.refuses(["other.bed has loci on \"1\" only", "chrI, chrII"], peaks="other.bed")

    def test_bed_beyond_the_chromosome(self):
        write_bed(self.folder / "beyond.bed", [("chrI", 100, 200), ("chrII", 900, 1001)])
        for option in ("peaks", "negatives", "exclude"):
            with self.subTest(option=option):
                self.refuses(["beyond.bed:2", "ends at 1001", "chrII, which has 1000 positions"], **{option: "beyond.bed"})

    def test_bed_lines_that_are_no_loci(self):
        lines = {"two columns": ("chrI\t100", "a chromosome, a start and an end"),
                 "no number": ("chrI\tx\t200", "the start \"x\" is no position"),
                 "backwards": ("chrI\t200\t100", "ends before it begins"),
                 "summit outside": ("chrI\t1\t9\tp\t0\t.\t0\t-1\t-1\t8", "the summit \"8\" is no offset within the locus")}
        for what, (line, reason) in lines.items():
            (self.folder / "bad.bed").write_text(f"chrI\t1\t2\n{line}\n")
            with self.subTest(what):
                self.refuses(["bad.bed:2", reason], peaks="bad.bed")

    def test_no_locus_left(self):
        (self.folder / "empty.bed").write_text("# nothing\n")
        self.refuses(["empty.bed has no locus"], peaks="empty.bed")
        write_bed(self.folder / "all.bed", [("chrI", 0, 1000), ("chrII", 0, 1000)])
        self.refuses(["all 2 peaks overlap an exclusion"], exclude="all.bed")

    def test_bad_fasta(self):
        for text, reason in (("", "is empty"), ("ACGT\n", "where a FASTA file has a line \">name\""),
                             (">chrI\nAC1GT\n", "\"1\" (byte 49) is no letter"), (">chrI\n>chrII\nACGT\n", "chrI\" is empty"),
                             (">chrI\nAC\n>chrI\nAC\n", "a second sequence named \"chrI\"")):
            (self.folder / "bad.fa").write_text(text)
            with self.subTest(text):
                self.refuses(["bad.fa", reason], sequences="bad.fa")

    def test_truncated_gzip(self):
        whole = gzip.compress((self.folder / "genome.fa").read_bytes())
        (self.folder / "cut.fa.gz").write_bytes(whole[:-12])
        self.refuses(["cut.fa.gz", "truncated"], sequences="cut.fa.gz")

    def test_unknown_chromosome(self):
        self.refuses(["genome.fa has no chromosome chrIII", "the nearest name is chrII"], chromosomes="chrIII")

    def test_folder_that_is_not_there(self):
        self.fails("import", "--sequences", "genome.fa", "--signal", "good.bw", "--peaks", "good.bed", "--out", "nowhere/out.h5",
                   saying=["nowhere/out.h5", "No such file"])

    def test_old_file_stays_where_an_import_fails(self):
        (self.folder / "old.h5").write_text("old")
        self.fails("import", "--sequences", "genome.fa", "--signal", "good.bed", "--peaks", "good.bed", "--out", "old.h5",
                   saying=["good.bed is no bigWig"])
        self.assertEqual((self.folder / "old.h5").read_text(), "old")

    def test_one_message_under_two_ranks(self):
        done = self.fails("import", "--sequences", "genome.fa", "--signal", "good.bed", "--peaks", "good.bed", "--out", "two.h5",
                          saying=["cheri (rank 0): good.bed is no bigWig"], ranks=2)
        self.assertEqual(done.err.count("is no bigWig"), 1)

    def test_a_bad_value_that_another_rank_finds(self):
        # Rank 0 writes the file and comes to the value in its order; of two ranks the other makes the first signal.
        write_bigwig(self.folder / "bad.bw", self.lengths, [("chrI", 10, 20, 3.0), ("chrII", 30, 40, -3.5)])
        write_bigwig(self.folder / "worse.bw", self.lengths, [("chrI", 10, 20, 3.0), ("chrII", 30, 40, float("inf"))])
        for ranks in (2, 3, 4):
            with self.subTest(ranks=ranks):
                target = self.new_folder()
                done = self.fails("import", "--sequences", "genome.fa", "--signal", "bad.bw", "--signal", "worse.bw", "--peaks",
                                  "good.bed", "--out", target / "out.h5", ranks=ranks,
                                  saying=["cheri (rank 0): bad.bw has the value -3.5 at position 30 (counted from 0) of chrII"])
                self.assertEqual(done.status, 2)
                self.assertEqual(done.err.count("has the value"), 1)
                self.assertEqual(list(target.iterdir()), [])

    def test_command_line(self):
        self.fails("import", saying=["--sequences is required"])
        self.fails("import", "--sequences", "genome.fa", "--signal", "good.bw", "--peaks", "good.bed", "--out", "x.h5",
                   "--negative", "good.bed", saying=["--negative"])
        self.fails("imprt", saying=["no subcommand \"imprt\"", "did you mean \"import\"?", "pack"])
        self.fails(saying=["subcommand is required"])


if __name__ == "__main__":
    main()
