"""cheri inspect: every kind of file, as text and as JSON."""
from program import CheriTest, main


class InspectTest(CheriTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.make_data()

    def setUp(self):
        if (self.folder / "run").exists():
            return
        self.cheri("train", "deck.toml")
        self.cheri("pack", "deck.toml", "--out", "examples.h5")
        self.cheri("predict", "run", "--out", "predictions.h5")

    def text_and_json(self, *arguments):
        """Both forms; the text has every key and every plain value of the JSON."""
        text, json = self.cheri("inspect", *arguments).out, self.inspect(*arguments)
        def check(value):
            if isinstance(value, dict):
                for key, inner in value.items():
                    self.assertIn(key, text)
                    check(inner)
            elif isinstance(value, list):
                for inner in value:
                    check(inner)
            elif isinstance(value, (str, int)) and not isinstance(value, bool):
                self.assertIn(str(value), text)
        check(json)
        self.assertGreaterEqual(len(text.splitlines()), len(json))
        return text, json

    def test_tracks(self):
        _, json = self.text_and_json("data.tracks.h5")
        self.assertEqual(json["format"], "cheri-tracks")
        self.assertEqual(json["made_by"], "cheri synthesize --out data.tracks.h5 --sites 300")
        self.assertEqual([c["name"] for c in json["chromosomes"]], [f"chr{i}" for i in range(1, 7)])
        self.assertEqual({c["length"] for c in json["chromosomes"]}, {400000})
        self.assertEqual([(t["name"], t["group"], t["strand"], t["role"], t["type"]) for t in json["tracks"]],
                         [("plus", 0, "+", "signal", "u8"), ("minus", 0, "-", "signal", "u8")])
        self.assertGreater(min(track["total"] for track in json["tracks"]), 0)
        self.assertEqual([s["set"] for s in json["loci"]], ["negatives", "peaks"])

    def test_examples(self):
        _, json = self.text_and_json("examples.h5")
        self.assertEqual(json["format"], "cheri-examples")
        n = sum(loci["peaks"] + loci["negatives"] for loci in json["loci"])
        self.assertEqual(json["datasets"], [{"name": "/sequence", "type": "u8", "extents": [n, 240]},
                                            {"name": "/signal", "type": "u8", "extents": [n, 2, 140]}])
        of_tracks = {s["set"]: s["kept"] for s in self.inspect("data.tracks.h5")["loci"]}
        self.assertEqual(n, of_tracks["peaks"] + of_tracks["negatives"])

    def test_models_and_checkpoints(self):
        newest = "run/checkpoints/step-000000000024.h5"
        digests = set()
        for path in ("run/final.h5", "run/best.h5", newest, "run"):
            with self.subTest(path):
                text, json = self.text_and_json(path)
                self.assertEqual(json["format"], "cheri-checkpoint")
                self.assertEqual(json["model"]["n_filters"], 8)
                self.assertEqual(json["model"]["signal_groups"], [2])
                self.assertRegex(json["digest"], "^[0-9a-f]{64}$")
                self.assertIn(json["digest"], text)
                if path != "run/best.h5":
                    self.assertEqual((json["step"], json["epoch"], json["finished"]), (24, 3, True))
                    digests.add(json["digest"])
        self.assertEqual(len(digests), 1)
        self.assertEqual(self.inspect("run")["file"], newest)

    def test_predictions(self):
        _, json = self.text_and_json("predictions.h5")
        self.assertEqual(json["format"], "cheri-predictions")
        self.assertEqual(json["tracks"], ["plus", "minus"])
        n = {loci["chromosome"]: loci["loci"] for loci in json["loci"]}
        self.assertEqual([d["extents"] for d in json["datasets"]], [[n["chr4"], 2, 100], [n["chr4"], 1]])
        self.assertEqual(sum(n.values()), n["chr4"])

    def test_loci_of_a_deck(self):
        for path in ("data.tracks.h5", "examples.h5"):
            with self.subTest(path):
                _, json = self.text_and_json(path, "--deck", "deck.toml")
                splits = json["splits"]
                self.assertEqual(list(splits), ["training", "validation", "test"])
                for split in splits.values():
                    for kind in ("peaks", "negatives"):
                        self.assertGreater(split[kind]["kept"], 40)
                total = sum(splits["test"]["peaks"].values())
                self.assertEqual(sum(splits["training"]["peaks"].values()), total)

    def test_reasons_for_which_loci_are_left_out(self):
        (self.folder / "wide.toml").write_text((self.folder / "deck.toml").read_text()
                                               .replace("in_window = 200", "in_window = 60000")
                                               .replace("summits = true", "summits = true\noutlier_quantile = 0.5"))
        splits = self.inspect("data.tracks.h5", "--deck", "wide.toml")["splits"]
        for split in splits.values():
            self.assertGreater(split["peaks"]["beyond the chromosome"], 0)
        self.assertGreater(splits["training"]["peaks"]["outlier"], 0)
        self.assertEqual(splits["test"]["peaks"]["outlier"], 0)

    def test_what_is_no_file_of_cheri(self):
        (self.folder / "empty").mkdir(exist_ok=True)
        self.fails("inspect", "nowhere.h5", saying=["nowhere.h5", "No such file"])
        self.fails("inspect", "deck.toml", saying=["deck.toml is not an HDF5 file"])
        self.fails("inspect", "empty", saying=["empty holds no checkpoints"])
        damaged = bytearray((self.folder / "run/final.h5").read_bytes())
        damaged[len(damaged) // 2] ^= 1
        (self.folder / "damaged.h5").write_bytes(damaged)
        self.fails("inspect", "damaged.h5", saying=["damaged.h5 is damaged or incomplete", "SHA-256"])
        self.fails("inspect", "data.tracks.h5", "--deck", "nowhere.toml", saying=["nowhere.toml"])


if __name__ == "__main__":
    main()
