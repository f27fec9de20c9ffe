"""A rank that hangs: the others end the run in time and say which it is; it goes on later to the bits of a run left alone."""
import os
import signal

from program import StoppedRunsTest, is_cheri, main, start


class HangTest(StoppedRunsTest):
    def hang(self, directory, rank, ranks):
        """Stops a rank as a debugger or a dead disk does; returns what the run said."""
        running = start("train", "deck.toml", f"directory={directory}", "parallel.timeout_seconds=3", folder=self.folder,
                        ranks=ranks)
        running.wait_until(lambda: self.checkpoints(directory))
        processes = running.ranks()
        os.kill(processes[rank], signal.SIGSTOP)
        done = running.wait()
        self.assertEqual(done.status, 1, done)
        self.assertEqual([process for process in processes if is_cheri(process)], [])
        return done

    def hang_and_go_on(self, directory, rank, ranks, speaker):
        done = self.hang(directory, rank, ranks)
        said = f"cheri (rank {speaker}): waited 3 s (parallel.timeout_seconds) for rank {rank}, hanging or that late; rank"
        self.assertIn(said, done.err)
        self.assertEqual(done.err.count("parallel.timeout_seconds"), 1, done)
        newest = self.inspect(directory)   # whole, or it would not be read
        self.assertFalse(newest["finished"])
        self.cheri("train", "deck.toml", f"directory={directory}", ranks=ranks)
        self.assert_whole(directory)
        self.assertEqual([path.name for path in (self.folder / directory).rglob("*.part*")], [])

    def test_one_of_four_ranks(self):
        self.hang_and_go_on("third", rank=2, ranks=4, speaker=0)

    def test_the_rank_that_writes(self):
        self.hang_and_go_on("first", rank=0, ranks=2, speaker=1)


if __name__ == "__main__":
    main()
