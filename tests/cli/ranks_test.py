"""The same bits for any number of ranks and threads: of a trained model, of its metrics and of its predictions."""
from genome_files import write_bigwig
from program import CheriTest, main


class TrainingTest(CheriTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.make_data("--raw", "raw")

    def digests(self, name, *overrides, deck="deck.toml"):
        """Of runs by 1, 2 and 4 ranks and with 1 and 2 threads."""
        return {self.train(f"{name}-{ranks}-{threads}", *overrides, ranks=ranks, threads=threads, deck=deck)
                for ranks, threads in ((0, 1), (0, 2), (1, 1), (2, 1), (2, 2), (4, 1))}

    def test_learned_loss_weights(self):
        self.assertEqual(len(self.digests("learned")), 1)

    def test_given_loss_weights(self):
        self.assertEqual(len(self.digests("given", "training.loss_weights=[1, 10]")), 1)

    def test_the_backend_that_is_taken_is_said(self):
        done = self.cheri("train", "deck.toml", "directory=said", "parallel.backend=mpi-host", ranks=2)
        self.assertIn(" gradients travel by mpi-host\n", done.err)
        self.assertEqual(self.digest("said/final.h5"), self.train("alone"))

    def test_in_levels(self):
        done = self.cheri("train", "deck.toml", "directory=levels", "parallel.ranks_of_node=2", ranks=4)
        self.assertIn(" gradients travel by mpi-host within nodes of 2 ranks, then between 2 nodes\n", done.err)
        self.assertEqual(self.digest("levels/final.h5"), self.train("alone"))
        self.fails("train", "deck.toml", "directory=odd", "parallel.ranks_of_node=3", ranks=4,
                   saying=["parallel.ranks_of_node is 3, and must be 0 or divide the number of ranks, 4"])

    def test_a_seed_is_not_like_another(self):
        # What makes the other tests worth something.
        self.assertNotEqual(self.train("seed-3"), self.train("seed-4", "seed=4"))

    def test_several_groups_and_a_control(self):
        write_bigwig(self.folder / "input.bw", {f"chr{i}": 400000 for i in (1, 2, 3, 4)},
                     [(f"chr{i}", 100 * j, 100 * j + 50, j % 7 + 0.5) for i in (1, 2, 3, 4) for j in range(3000)])
        self.cheri("import", "--sequences", "raw/genome.fa.gz", "--signal", "raw/plus.bw,raw/minus.bw", "--signal", "raw/plus.bw",
                   "--control", "input.bw", "--peaks", "raw/peaks.narrowPeak", "--negatives", "raw/negatives.bed", "--out",
                   "grouped.h5")
        self.assertEqual(len(self.digests("grouped", "data.file=grouped.h5")), 1)
        table = self.cheri("evaluate", "grouped-0-1").out.splitlines()
        self.assertEqual([line.split("\t")[:2] for line in table[2:]],
                         [[predictor, group] for predictor in ("model", "baseline") for group in ("plus", "plus.2", "mean")])


if __name__ == "__main__":
    main()
