"""What `cheri train` leaves in a run's directory, and what it shows while it runs."""
import csv
import fcntl
import json
import os
import pty
import re
import shutil
import struct
import subprocess
import termios

import h5py
import numpy as np

from program import PATIENCE, CheriTest, command_of, content, environment_with, main

LOG_COLUMNS = ["Epoch", "Iteration", "Training Time", "Validation Time", "Training MNLL", "Training Count MSE", "Validation MNLL",
               "Validation Profile Pearson", "Validation Count Pearson", "Validation Count MSE",
               "Validation Count Pearson (Peaks+Negatives)", "Validation Count MSE (Peaks+Negatives)", "Validation AUROC",
               "Validation AUPRC", "Saved?"]
METRICS = {"profile_pearson", "profile_mnll", "profile_jsd", "count_pearson", "count_spearman", "count_mse", "count_pearson_all",
           "count_mse_all", "auroc", "auprc"}


class RunDirectoryTest(CheriTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.make_data()

    def setUp(self):
        self.directory = self.folder / "run"
        if not self.directory.exists():
            self.cheri("train", "deck.toml", "checkpoint.steps=5", "checkpoint.keep=2")

    def test_nothing_is_missing_and_nothing_is_left_over(self):
        self.assertEqual({path.name for path in self.directory.iterdir()},
                         {"best.h5", "checkpoints", "deck.toml", "final.h5", "log.tsv", "metrics.json", "report.html"})
        self.assertEqual({path.name for path in (self.directory / "checkpoints").iterdir()},
                         {"step-000000000020.h5", "step-000000000024.h5"})

    def test_models(self):
        newest = content(self.directory / "checkpoints/step-000000000024.h5")
        self.assertEqual(content(self.directory / "final.h5"), newest)
        best = self.inspect("run/best.h5")
        self.assertEqual(best["step"], 8 * (best["best_epoch"] + 1))

    def test_log(self):
        with open(self.directory / "log.tsv", newline="") as file:
            header, *rows = csv.reader(file, delimiter="\t")
        self.assertEqual(header, LOG_COLUMNS)
        self.assertEqual([row[:2] for row in rows], [["0", "8"], ["1", "16"], ["2", "24"]])
        for row in rows:
            self.assertTrue(all(float(value) == float(value) for value in row[:-1]), row)
            self.assertIn(row[-1], ("True", "False"))
        self.assertEqual(rows[0][-1], "True")
        best = max(float(row[8]) for row in rows)
        self.assertAlmostEqual(best, self.inspect("run/best.h5")["best_metric"], places=7)

    def test_the_best_epoch_has_the_most_of_what_the_deck_says(self):
        columns = {"profile_pearson": [7], "mean_pearson": [7, 8]}
        for best_by, chosen in columns.items():
            self.train(best_by, f"training.best_by={best_by}")
            with open(self.folder / best_by / "log.tsv", newline="") as file:
                rows = list(csv.reader(file, delimiter="\t"))[1:]
            scores = [sum(float(row[i]) for i in chosen) / len(chosen) for row in rows]
            better = [all(earlier < score for earlier in scores[:i]) for i, score in enumerate(scores)]
            self.assertEqual([row[-1] == "True" for row in rows], better)
            best = self.inspect(f"{best_by}/best.h5")
            self.assertEqual(best["best_epoch"], scores.index(max(scores)))
            self.assertAlmostEqual(best["best_metric"], max(scores), places=7)

    def test_before_there_is_a_best_model(self):
        young = self.folder / "young"
        shutil.copytree(self.directory, young, ignore=shutil.ignore_patterns("best.h5", "final.h5"))
        newest = f"{young}/checkpoints/step-000000000024.h5"
        for command in (["predict", young, "--out", "young.h5"], ["evaluate", young]):
            done = self.fails(*command, saying=[f"{young} has no best.h5 yet", "wait (checkpoint.seconds", "go on with it by `cheri train`",
                                                f"name its newest checkpoint instead, {newest}"])
            self.assertEqual(done.status, 2)
        self.cheri("predict", newest, "--out", "young.h5")
        self.fails("predict", self.new_folder(), "--out", "none.h5", saying=["is no directory of a run"])

    def test_metrics(self):
        metrics = json.loads((self.directory / "metrics.json").read_text())
        self.assertEqual((metrics["split"], metrics["groups"]), ("test", ["plus"]))
        for predictor in ("model", "baseline"):
            self.assertEqual(set(metrics[predictor]["mean"]), METRICS)
            self.assertEqual(len(metrics[predictor]["groups"]), 1)
        self.assertEqual(metrics["digest"], self.digest("run/best.h5"))
        self.assertEqual(json.loads(self.cheri("evaluate", "run", "--json").out), metrics)

    def test_report_needs_no_network(self):
        report = (self.directory / "report.html").read_text()
        self.assertIn("<svg", report)
        self.assertIn("training_chromosomes", report)
        self.assertEqual(re.findall(r"(?:src|href|action|data|poster)\s*=\s*[\"']?(?!#|data:)[^\s>]+", report), [])
        self.assertEqual(re.findall(r"<(?:script|link|iframe|img|object|embed)\b|@import|url\((?!#)", report), [])

    def test_deck_makes_the_same_model(self):
        deck = (self.directory / "deck.toml").read_text()
        self.assertIn("steps = 5\n", deck)
        self.assertEqual(self.cheri("train", "run/deck.toml", "--check").out, deck)
        self.assertEqual(self.train("again", deck="run/deck.toml"), self.digest("run/final.h5"))

    def test_a_finished_run_is_left_as_it_is(self):
        before = self.digest("run/final.h5")
        done = self.cheri("train", "deck.toml", "checkpoint.steps=5", "checkpoint.keep=2")
        self.assertIn("step-000000000024.h5", done.err)
        self.assertNotIn("step 1 of", done.err)
        self.assertEqual(self.digest("run/final.h5"), before)

    def test_without_test_chromosomes_the_validation_is_reported(self):
        done = self.cheri("train", "deck.toml", "directory=untested", "data.test_chromosomes=[]")
        self.assertIn("# validation: ", done.out)
        self.assertEqual(json.loads((self.folder / "untested/metrics.json").read_text())["split"], "validation")
        self.fails("evaluate", "untested", saying=["the deck names no test chromosomes"])

    def test_a_loss_that_is_not_finite_stops_the_run_before_the_step(self):
        shutil.copy(self.folder / "data.tracks.h5", self.folder / "wild.tracks.h5")
        with h5py.File(self.folder / "wild.tracks.h5", "r+") as file:
            for chromosome in ("chr1", "chr2"):
                del file[f"signal/plus/{chromosome}"]
                file[f"signal/plus/{chromosome}"] = np.full(400000, 3e38, dtype="f4")
        done = self.fails("train", "deck.toml", "directory=wild", "data.file=wild.tracks.h5", "data.outlier_factor=0",
                          saying=["the loss is ", " in step 1: ", "extreme values in the data"])
        left = f"{self.folder}/wild/checkpoints/step-000000000000.h5"
        self.assertIn(left, done.err)
        self.assertEqual(self.inspect(left)["step"], 0)
        with h5py.File(left) as file:
            self.assertTrue(np.isfinite(file["parameters"][()]).all())
        self.assertFalse((self.folder / "wild/final.h5").exists())

    def test_progress_in_a_pipe_is_plain_lines(self):
        done = subprocess.run(command_of(["train", "deck.toml", "directory=piped"], 0), cwd=self.folder, capture_output=True,
                              env=environment_with(1), timeout=PATIENCE, check=True)
        self.assertEqual(re.findall(rb"[^\n\t -~]", done.stdout + done.stderr), [])
        progress = [line for line in done.stderr.decode().splitlines() if " step " in line]
        self.assertRegex(progress[0], r"^\d\d:\d\d:\d\d +4 %  step 1 of 24, epoch 1 of 3, \d+ examples/s, loss [0-9.e+]+")
        self.assertRegex(progress[-1], r" 100 %  step 24 of 24, epoch 3 of 3, ")
        self.assertIn(b"model   ", done.stdout)

    def test_progress_on_a_terminal_is_a_bar(self):
        terminal, program_side = pty.openpty()
        fcntl.ioctl(program_side, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 60, 0, 0))
        process = subprocess.Popen(command_of(["train", "deck.toml", "directory=shown"], 0), cwd=self.folder,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=program_side,
                                   env=environment_with(1))
        os.close(program_side)
        shown = b""
        try:
            while part := os.read(terminal, 4096):
                shown += part
        except OSError:
            pass   # the other side is closed
        os.close(terminal)
        self.assertEqual(process.wait(PATIENCE), 0)
        bars = re.findall(r"\r\x1b\[K(\[[#.]{20}\] [^\r\n]*)", shown.decode())
        self.assertGreaterEqual(len(bars), 2, shown)
        self.assertTrue(bars[0].startswith("[....................]   4 %  step 1 of 24"), bars)
        self.assertTrue(bars[-1].startswith("[####################] 100 %  step 24 of 24"), bars)
        self.assertLessEqual(max(map(len, bars)), 59)   # never wraps


if __name__ == "__main__":
    main()
