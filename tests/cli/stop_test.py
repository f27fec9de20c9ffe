"""Runs that a signal stops: they end well, say how to go on, and go on to the bits of a run that was left alone."""
import contextlib
import os
import signal
import time

from program import StoppedRunsTest, is_cheri, main, start


class StopTest(StoppedRunsTest):
    def stop_and_go_on(self, number, ranks, others):
        done = self.stopped(number.name, number, ranks)
        self.assertIn("Run the same command again to go on", done.err)
        self.assertIn(f"a checkpoint is in {self.folder}/{number.name}", done.err)
        resumed = self.cheri("train", "deck.toml", f"directory={number.name}", ranks=others)
        self.assertIn(f"going on from {self.folder}/{number.name}/checkpoints/step-", resumed.err)
        self.assert_whole(number.name)
        return done

    def test_sigterm_then_two_ranks(self):
        done = self.stop_and_go_on(signal.SIGTERM, ranks=0, others=2)
        self.assertIn(f"stopped by signal {signal.SIGTERM.value} (", done.err)

    def test_sigint_to_one_of_two_ranks_then_four(self):
        self.stop_and_go_on(signal.SIGINT, ranks=2, others=4)

    def test_sigusr1_to_one_of_four_ranks_then_one(self):
        self.stop_and_go_on(signal.SIGUSR1, ranks=4, others=0)

    def test_signals_that_come_late(self):
        """All ranks stop when the first has its signal; the others' may come when they are about to end."""
        running = start("train", "deck.toml", "directory=late", folder=self.folder, ranks=2)
        running.wait_for("step ")
        ranks = running.ranks()
        while running.process.poll() is None:
            for rank in filter(is_cheri, ranks):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(rank, signal.SIGUSR1)
            time.sleep(0.0005)
        done = running.wait()
        self.assertEqual(done.status, 0, done)
        self.assertFalse((self.folder / "late/final.h5").exists())

    def test_stopped_again_and_again(self):
        for step in (50, 100, 150):
            self.stopped("often", at_step=step)
        self.cheri("train", "deck.toml", "directory=often")
        self.assert_whole("often")


if __name__ == "__main__":
    main()
