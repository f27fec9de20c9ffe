"""Decks: what --check prints, what is refused and how it is said, and the JSON of the public package's `fit`."""
import json

from program import CheriTest, Running, command_of, environment_with, main


class DeckTest(CheriTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.make_data()

    def refuses(self, *overrides, saying):
        """Training must end with an error that has these parts, before there is a run, and with the status of wrong input."""
        done = self.fails("train", "deck.toml", "directory=refused", *overrides, saying=saying)
        self.assertEqual(done.status, 2, done)
        self.assertFalse((self.folder / "refused/checkpoints").exists())

    def test_check_prints_a_deck_that_is_accepted_and_equals_itself(self):
        printed = self.cheri("train", "deck.toml", "--check", "training.batch_size=32", "training.loss_weights=[1, 2.5]").out
        (self.folder / "printed.toml").write_text(printed)
        self.assertEqual(self.cheri("train", "printed.toml", "--check").out, printed)
        self.assertIn("batch_size = 32\n", printed)
        self.assertIn("loss_weights = [1.0, 2.5]\n", printed)
        self.assertFalse((self.folder / "run").exists())

    def test_check_reads_the_data(self):
        self.fails("train", "deck.toml", "--check", "data.file=nowhere.h5", saying=["nowhere.h5 does not exist"])
        self.fails("train", "deck.toml", "--check", "data.file=deck.toml", saying=["deck.toml is not an HDF5 file"])

    def test_unknown_keys(self):
        self.refuses("model.n_layer=3", saying=["command line: unknown key \"model.n_layer\"", "did you mean \"model.n_layers\"?"])
        self.refuses("batch_size=8", saying=["unknown key \"batch_size\"", "did you mean \"training.batch_size\"?"])
        (self.folder / "typo.toml").write_text((self.folder / "deck.toml").read_text().replace("summits", "sumits"))
        self.fails("train", "typo.toml", saying=["typo.toml:14: unknown key \"data.sumits\"", "did you mean \"data.summits\"?"])

    def test_wrong_types_and_values(self):
        self.refuses("training.batch_size=many", saying=["training.batch_size is \"many\"", "must be an integer from 1 to"])
        self.refuses("training.batch_size=0", saying=["training.batch_size is 0", "must be an integer from 1 to"])
        self.refuses("data.summits=1", saying=["data.summits is 1", "must be true or false"])
        self.refuses("optimiser.adam_lr=-1", saying=["optimiser.adam_lr is -1", "must be a number from 0 to"])
        self.refuses("training.loss_weights=[1]", saying=["training.loss_weights is [1]", "[profile, count] or []"])
        self.refuses("parallel.backend=gpu", saying=["parallel.backend is \"gpu\"", "auto, nccl, mpi-device or mpi-host"])
        self.refuses("parallel.timeout_seconds=-1", saying=["parallel.timeout_seconds is -1", "must be a number from 0 to"])
        self.refuses("training.batch_size", saying=["\"training.batch_size\" must be key=value"])

    def test_values_that_do_not_fit_each_other(self):
        self.refuses("data.in_window=201", saying=["in_window", "201"])
        self.refuses("training.gradient_slices=5", saying=["training.gradient_slices is 5", "must divide training.batch_size",
                                                           "16"])
        self.refuses("training.batch_size=4096", saying=["less than one batch of 4096", "a smaller batch_size"])

    def test_overlapping_splits(self):
        self.refuses("data.test_chromosomes=[\"chr2\"]",
                     saying=["chr2 stands in data.training_chromosomes and in data.test_chromosomes"])
        self.refuses("data.validation_chromosomes=[]", saying=["data.validation_chromosomes is empty"])

    def test_data_that_are_not_there(self):
        self.refuses("data.file=nowhere.h5", saying=["nowhere.h5", "No such file"])
        self.refuses("data.training_chromosomes=[\"chr9\"]", saying=["data.tracks.h5 has no chromosome \"chr9\"",
                                                                    "it has chr1, chr2, chr3, chr4, chr5 and chr6"])
        self.refuses("data.peaks=summits", saying=["has no loci \"summits\"", "there are negatives and peaks"])

    def test_text_that_is_no_deck(self):
        self.fails("train", "nowhere.toml", saying=["nowhere.toml", "a deck (TOML or JSON) must stand there"])
        (self.folder / "broken.toml").write_text("name = \"x\"\n[data\nfile = 1\n")
        self.fails("train", "broken.toml", saying=["broken.toml:2"])
        (self.folder / "broken.json").write_text("{\"name\": ")
        self.fails("train", "broken.json", saying=["broken.json", "parse error"])

    def test_ranks_that_do_not_divide_the_slices(self):
        done = self.fails("train", "deck.toml", "directory=refused", ranks=3,
                          saying=["3 ranks cannot share 8 gradient slices", "divides training.gradient_slices"])
        self.assertEqual(done.err.count("cannot share"), 1)
        self.assertEqual(done.status, 2, done)

    def test_ranks_with_different_decks(self):
        first, second = (command_of(["train", "deck.toml", "directory=differing", f"seed={seed}"], ranks=1) for seed in (3, 4))
        done = Running(first + [":"] + second[1:], self.folder, environment_with(1)).wait()
        self.assertNotEqual(done.status, 0)
        self.assertIn("the deck must be the same on every rank: rank 0 has \"seed = 3\", rank 1 has \"seed = 4\"", done.err)
        self.assertFalse((self.folder / "differing").exists())

    def test_relative_paths_are_relative_to_the_deck(self):
        self.cheri("train", self.folder / "deck.toml", folder=self.new_folder())
        self.assertTrue((self.folder / "run/final.h5").exists())


class FitTest(CheriTest):
    """A deck of the public package, as it stands."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.make_data("--raw", "raw")
        cls.fit = {
            "name": "fitted", "sequences": "raw/genome.fa.gz", "loci": ["raw/peaks.narrowPeak"], "negatives": "raw/negatives.bed",
            "signals": [["raw/plus.bw", "raw/minus.bw"]], "controls": None, "exclusion_lists": None,
            "training_chroms": ["chr1", "chr2"], "validation_chroms": ["chr3"], "test_chroms": ["chr4"],
            "n_filters": 8, "n_layers": 2, "batch_size": 16, "in_window": 200, "out_window": 100, "max_jitter": 20,
            "summits": True, "max_epochs": 3, "min_total_steps": 1, "random_state": 3, "dtype": "float32", "verbose": True,
            "device": "cuda", "devices": 1, "compile": True, "num_workers": 4, "num_threads": 8, "skip": False}
        (cls.folder / "fit.json").write_text(json.dumps(cls.fit, indent=1))

    def test_it_trains_the_model_of_our_deck(self):
        said = self.cheri("train", "fit.json").err
        for key in ("verbose", "device", "devices", "compile", "num_workers", "num_threads", "skip"):
            self.assertRegex(said, rf"fit\.json:\d+: {key} has no meaning here")
        self.assertNotIn("random_state has no meaning", said)
        self.assertIn(f"importing into {self.folder}/fitted.tracks.h5", said)
        self.assertEqual(self.digest("fitted/final.h5"), self.train("ours"))
        names = [chromosome["name"] for chromosome in self.inspect("fitted.tracks.h5")["chromosomes"]]
        self.assertEqual(names, ["chr1", "chr2", "chr3", "chr4"])
        again = self.cheri("train", "fit.json", "directory=again", ranks=2).err
        self.assertNotIn("importing", again)
        self.assertEqual(self.digest("again/final.h5"), self.digest("fitted/final.h5"))

    def test_it_is_checked_before_its_files_are_imported(self):
        folder = self.new_folder()
        printed = self.cheri("train", self.folder / "fit.json", "--check", folder=folder).out
        self.assertIn("[import]", printed)
        self.assertEqual(list(folder.iterdir()), [])

    def test_bad_keys(self):
        def refuses(change, saying):
            (self.folder / "bad.json").write_text(json.dumps({**self.fit, **change}))
            self.fails("train", "bad.json", "directory=bad", saying=["bad.json"] + saying)
        refuses({"n_filter": 8}, ["unknown key \"n_filter\"", "did you mean \"n_filters\"?"])
        refuses({"n_filters": "8"}, ["n_filters is \"8\"", "must be an integer from 1"])
        refuses({"dtype": "float16"}, ["dtype is \"float16\"", "float32 or bfloat16"])
        refuses({"test_chroms": ["chr1"]}, ["chr1 stands in data.training_chromosomes and in data.test_chromosomes"])

    def test_a_missing_file_is_named(self):
        (self.folder / "gone.json").write_text(json.dumps({**self.fit, "name": "gone", "signals": ["raw/gone.bw"]}))
        self.fails("train", "gone.json", saying=["raw/gone.bw", "No such file"])
        self.assertFalse((self.folder / "gone.tracks.h5").exists())
        self.assertFalse((self.folder / "gone.tracks.h5.part").exists())


if __name__ == "__main__":
    main()
