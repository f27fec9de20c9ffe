"""From which checkpoint a run goes on, and when it does not."""
import shutil

from program import StoppedRunsTest, main


class ResumeTest(StoppedRunsTest):
    def test_never_takes_a_fresh_directory_only(self):
        self.stopped("never")
        self.fails("train", "deck.toml", "directory=never", "--resume", "never",
                   saying=[f"{self.folder}/never already holds a run", "choose another directory"])
        self.cheri("train", "deck.toml", "directory=fresh", "--resume", "never", "training.max_epochs=1")

    def test_a_checkpoint_may_be_named(self):
        older = self.checkpoints("whole")[0]
        done = self.cheri("train", "deck.toml", "directory=named", "--resume", older)
        self.assertIn(f"going on from {older}", done.err)
        self.assert_whole("named")
        self.assertEqual(self.digest("named/best.h5"), self.digest("whole/best.h5"))

    def test_a_named_checkpoint_must_be_one(self):
        self.fails("train", "deck.toml", "directory=x", "--resume", "nowhere.h5", saying=["nowhere.h5", "No such file"])
        self.fails("train", "deck.toml", "directory=x", "--resume", "data.tracks.h5",
                   saying=["data.tracks.h5 is no Cheri checkpoint"])
        alone = self.folder / "alone.h5"
        shutil.copy(self.checkpoints("whole")[0], alone)
        self.fails("train", "deck.toml", "directory=x", "--resume", alone,
                   saying=["alone.h5", f"{self.folder}/best.h5, is not there"])

    def test_damaged_checkpoints_are_skipped_and_said(self):
        self.stopped("damaged", at_step=150)
        *_, older, newest = self.checkpoints("damaged")
        damaged = bytearray(newest.read_bytes())
        damaged[len(damaged) // 2] ^= 4
        newest.write_bytes(damaged)
        done = self.cheri("train", "deck.toml", "directory=damaged")
        self.assertIn(f"skipped {newest} is damaged or incomplete", done.err)
        self.assertIn(f"going on from {older}", done.err)
        self.assert_whole("damaged")

    def test_where_all_are_damaged_the_run_begins_anew(self):
        self.stopped("ruined")
        for path in self.checkpoints("ruined"):
            path.write_bytes(path.read_bytes()[:1000])
        done = self.cheri("train", "deck.toml", "directory=ruined")
        self.assertIn("skipped", done.err)
        self.assertNotIn("going on", done.err)
        self.assert_whole("ruined")

    def test_a_changed_deck_is_refused(self):
        self.stopped("changed")
        before = self.digest("changed")
        self.fails("train", "deck.toml", "directory=changed", "training.batch_size=8", "data.summits=false",
                   saying=["the deck is not the one of the run", "training.batch_size was 16 and is 8",
                           "data.summits was true and is false", "put these back"])
        self.assertEqual(self.digest("changed"), before)
        self.assertIn("batch_size = 16", (self.folder / "changed/deck.toml").read_text())

    def test_keys_of_comfort_may_change(self):
        self.stopped("comfort")
        self.cheri("train", "deck.toml", "directory=comfort", "name=other", "checkpoint.steps=0", "log_seconds=60",
                   "data.test_chromosomes=[\"chr5\"]")
        self.assert_whole("comfort")


if __name__ == "__main__":
    main()
