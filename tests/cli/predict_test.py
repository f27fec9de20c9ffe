"""cheri evaluate and cheri predict: what they say of each split, on any number of ranks, and of regions."""
import json

import h5py
import numpy as np

from program import CheriTest, main

MEASURES = ["profile_pearson", "profile_mnll", "profile_jsd", "count_pearson", "count_spearman", "count_mse", "count_pearson_all",
            "count_mse_all", "auroc", "auprc"]
RANKS = (0, 1, 2, 4)


class PredictTest(CheriTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.make_data("--raw", "raw")

    def setUp(self):
        if not (self.folder / "run").exists():
            self.cheri("train", "deck.toml", "training.max_epochs=25")

    def chromosomes(self, path):
        with h5py.File(self.folder / path) as file:
            names = file["chromosomes/name"].asstr()[()]
            return {names[chromosome] for chromosome in file["loci/chrom"]}

    def test_evaluate_every_split_as_table_and_json(self):
        for split in ("training", "validation", "test"):
            with self.subTest(split):
                comment, header, *rows = self.cheri("evaluate", "run", "--split", split).out.splitlines()
                found = json.loads(self.cheri("evaluate", "run", "--split", split, "--json").out)
                self.assertEqual(found["split"], split)
                self.assertTrue(comment.startswith(f"# {split}: {found['peaks']} peaks, {found['negatives']} negatives"), comment)
                self.assertEqual(header.split("\t"), ["predictor", "group"] + MEASURES)
                self.assertEqual([row.split("\t")[:2] for row in rows], [["model", "plus"], ["baseline", "plus"]])
                for row in rows:
                    predictor, _, *values = row.split("\t")
                    expected = [found[predictor]["groups"][0][measure] for measure in MEASURES]
                    self.assertEqual(values, ["nan" if value is None else f"{value:.4f}" for value in expected])

    def test_evaluate_says_the_same_on_any_number_of_ranks(self):
        for form in ((), ("--json",)):
            self.assertEqual(len({self.cheri("evaluate", "run", *form, ranks=ranks).out for ranks in RANKS}), 1)

    def test_evaluate_writes_what_it_says(self):
        said = self.cheri("evaluate", "run/best.h5").out
        self.assertEqual(self.cheri("evaluate", "run", "--out", "table.tsv").out, "")
        self.assertEqual((self.folder / "table.tsv").read_text(), said)

    def test_predict_writes_the_same_bytes_on_any_number_of_ranks(self):
        found = set()
        for ranks in RANKS:
            folder = self.new_folder()
            self.cheri("predict", self.folder / "run", "--out", "p.h5", "--bigwig", "p", folder=folder, ranks=ranks)
            self.assertEqual({path.name for path in folder.iterdir()}, {"p.h5", "p.plus.bw", "p.minus.bw"})
            found.add(tuple((folder / name).read_bytes() for name in ("p.h5", "p.plus.bw", "p.minus.bw")))
        self.assertEqual(len(found), 1)

    def test_predict_every_split(self):
        kept = self.inspect("data.tracks.h5", "--deck", "deck.toml")["splits"]
        expected = {"training": {"chr1", "chr2"}, "validation": {"chr3"}, "test": {"chr4"}}
        for split, chromosomes in expected.items():
            with self.subTest(split):
                self.cheri("predict", "run", "--split", split, "--out", f"{split}.h5")
                self.assertEqual(self.chromosomes(f"{split}.h5"), chromosomes)
                with h5py.File(self.folder / f"{split}.h5") as file:
                    n = sum(kept[split][kind]["kept"] for kind in ("peaks", "negatives"))
                    if split == "training":
                        self.assertGreaterEqual(len(file["logits"]), n)   # outliers too
                    else:
                        self.assertEqual(len(file["logits"]), n)
                    self.assertEqual(file["logits"].shape[1:], (2, 100))
                    self.assertTrue(np.isfinite(file["logits"][()]).all() and np.isfinite(file["log_counts"][()]).all())
                    self.assertTrue((file["loci/end"][()] - file["loci/start"][()] == 100).all())

    def test_windows_are_around_the_loci(self):
        self.cheri("predict", "run", "--out", "around.h5")
        with h5py.File(self.folder / "around.h5") as file, h5py.File(self.folder / "data.tracks.h5") as tracks:
            expected = []
            for kind in ("peaks", "negatives"):
                chromosome, start, end, summit = (tracks[f"loci/{kind}/{name}"][()] for name in ("chrom", "start", "end", "summit"))
                centre = np.where(summit >= 0, start + summit, start + (end - start) // 2)
                expected.append(centre[chromosome == 3] - 50)
            np.testing.assert_array_equal(file["loci/start"][()], np.concatenate(expected))

    def test_bigwig_holds_the_expected_counts(self):
        # Read back by import they are profile times counts, where one window covers them.
        regions = [("chr5", 1000 * i, 1000 * i + 100) for i in range(1, 40)]
        (self.folder / "apart.bed").write_text("".join(f"{c}\t{s}\t{e}\n" for c, s, e in regions))
        self.cheri("predict", "run", "--regions", "apart.bed", "--out", "apart.h5", "--bigwig", "apart")
        self.cheri("import", "--sequences", "raw/genome.fa.gz", "--signal", "apart.plus.bw,apart.minus.bw", "--peaks", "apart.bed",
                   "--negatives-per-peak", 0, "--out", "apart.tracks.h5")
        with h5py.File(self.folder / "apart.h5") as file, h5py.File(self.folder / "apart.tracks.h5") as tracks:
            logits, log_counts = file["logits"][()].astype("f8"), file["log_counts"][:, 0].astype("f8")
            profile = np.exp(logits - logits.max(axis=(1, 2), keepdims=True))
            profile /= profile.sum(axis=(1, 2), keepdims=True)
            expected = profile * np.maximum(0, np.expm1(log_counts))[:, None, None]
            self.assertGreater(expected.sum(), 0)
            for channel, track in enumerate(("apart.plus", "apart.minus")):
                values = tracks[f"signal/{track}/chr5"][()]
                for row, (_, start, end) in enumerate(regions):
                    np.testing.assert_allclose(values[start:end], expected[row, channel], rtol=1e-6)   # of a float
                self.assertAlmostEqual(values.sum() / expected[:, channel].sum(), 1, places=5)

    def test_regions_without_a_prediction_are_said(self):
        lines = ["chr1\t0\t10", "chr1\t5000\t5100", "chrX\t5000\t5100", "chr6\t100\t9001", "chr6\t399990\t400000"]
        (self.folder / "regions.bed").write_text("\n".join(lines) + "\n")
        said = self.cheri("predict", "run", "--regions", "regions.bed", "--out", "regions.h5").err
        self.assertIn("regions.bed: 1 regions left out, on chromosomes that the data do not have", said)
        self.assertIn("regions.bed: 2 regions left out, too near to the end of a chromosome", said)
        self.assertIn("wrote regions.h5: 2 loci", said)
        with h5py.File(self.folder / "regions.h5") as file:
            self.assertEqual(file["loci/chrom"][()].tolist(), [0, 5])
            self.assertEqual(file["loci/start"][()].tolist(), [5000, 4500])

    def test_other_data(self):
        self.cheri("pack", "deck.toml", "--out", "examples.h5")
        self.assertEqual(self.cheri("evaluate", "run", "--data", "examples.h5").out, self.cheri("evaluate", "run").out)
        self.fails("evaluate", "run", "--data", "nowhere.h5", saying=["nowhere.h5", "No such file"])
        self.cheri("import", "--sequences", "raw/genome.fa.gz", "--signal", "raw/plus.bw", "--peaks", "raw/peaks.narrowPeak",
                   "--negatives", "raw/negatives.bed", "--out", "one.h5")
        for command in (["evaluate", "run"], ["predict", "run", "--out", "one.predictions.h5"]):
            with self.subTest(command[0]):
                self.fails(*command, "--data", "one.h5", saying=["tracks are not those the model was trained on",
                                                             "1 signals in 1 groups and 0 controls for 2 in 1 and 0"])

    def test_bad_requests(self):
        target = self.new_folder()
        out = ["--out", target / "out.h5"]
        def refuses(regions, saying):
            (self.folder / "bad.bed").write_text(regions)
            self.fails("predict", "run", "--regions", "bad.bed", *out, saying=["bad.bed"] + saying)
        refuses("chr1\t100\t200\nchr1\tx\t300\n", ["bad.bed:2", "the start \"x\" is no position"])
        refuses("chr1\t100\t400001\n", ["bad.bed:1", "beyond chr1, which has 400000 positions"])
        refuses("chr1\t0\t10\nchrX\t9\t10\n", ["none of its 2 regions can be predicted", "too near to an end"])
        refuses("", ["none of its 0 regions"])
        self.fails("predict", "run", "--regions", "nowhere.bed", *out, saying=["nowhere.bed", "No such file"])
        self.fails("predict", "run", "--split", "tests", *out, saying=["training, validation or test, not tests"])
        self.fails("evaluate", "run", "--split", "tests", saying=["training, validation or test, not tests"])
        self.fails("predict", "nowhere", *out, saying=["nowhere", "No such file"])
        self.fails("evaluate", "data.tracks.h5", saying=["data.tracks.h5 is no Cheri checkpoint"])
        self.fails("predict", "run", "--out", "nowhere/out.h5", saying=["nowhere/out.h5", "No such file"])
        self.assertEqual(list(target.iterdir()), [])


if __name__ == "__main__":
    main()
