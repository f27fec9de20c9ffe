"""cheri bench: JSON with the machine, its ceilings and the parts of a training step."""
import json

from program import CheriTest, main

TINY = ["--filters", 8, "--layers", 2, "--in-window", 200, "--out-window", 100, "--batch", 8, "--seconds", 0.05]


class BenchTest(CheriTest):
    def check(self, found, ranks, threads):
        self.assertEqual(set(found), {"machine", "device", "ranks", "threads", "precision", "filters", "layers", "in_window", "out_window",
                                      "batch", "ceilings", "parts", "training_step"})
        self.assertIn("cheri::nn::block_forward", [kernel["label"] for kernel in found["training_step"]["kernels"]])
        self.assertEqual([found[key] for key in ("ranks", "threads", "filters", "layers", "in_window", "out_window", "batch")],
                         [ranks, threads, 8, 2, 200, 100, 8])
        self.assertIn("Kokkos", found["machine"])
        self.assertEqual([measured["what"] for measured in found["ceilings"]], ["peak", "copy"])
        self.assertEqual([measured["what"] for measured in found["parts"]],
                         ["block forward", "block forward and backward", "batch gather", "training step", "inference"])
        for measured in found["ceilings"] + found["parts"]:
            self.assertEqual(set(measured), {"what", "ms", "gflops", "gigabytes_per_second", "examples_per_second"})
        self.assertGreater(found["ceilings"][0]["gflops"], 0)
        self.assertGreater(found["ceilings"][1]["gigabytes_per_second"], 0)
        for measured in found["parts"]:
            self.assertGreater(measured["ms"], 0)
            self.assertGreater(measured["examples_per_second"], 0)
            if measured["what"] != "batch gather":
                self.assertGreater(measured["gflops"], 0)

    def test_alone(self):
        self.check(json.loads(self.cheri("bench", *TINY, threads=2).out), ranks=1, threads=2)

    def test_two_ranks(self):
        self.check(json.loads(self.cheri("bench", *TINY, ranks=2).out), ranks=2, threads=1)

    def test_several_groups(self):
        found = json.loads(self.cheri("bench", *TINY, "--groups", 2, 1).out)
        self.assertEqual(found["batch"], 8)

    def scaling(self, *arguments, ranks):
        return json.loads(self.cheri("bench", "--scaling", *TINY, *arguments, ranks=ranks).out)["scaling"]

    def test_scaling_over_two_ranks(self):
        found = self.scaling(ranks=2)
        self.assertEqual([step["examples"] for step in found["local_steps"]], [8, 4, 2, 1])
        self.assertEqual([exchange["ranks"] for exchange in found["exchanges"]], [2, 2, 2])
        for exchange in found["exchanges"]:   # two messages, twice half of the row
            microseconds = found["start_us"] + 2 * found["latency_us"] + 4e-3 * exchange["floats"] / found["bandwidth_gigabytes_per_second"]
            self.assertAlmostEqual(1e3 * exchange["predicted_ms"], microseconds, delta=1e-6 * microseconds)
        self.assertIn("mpi-host", found["exchange"])
        self.assertEqual([(step["ranks"], step["batch"]) for step in found["strong"]], [(2, 8), (4, 8), (8, 8)])
        self.assertEqual([(step["ranks"], step["batch"]) for step in found["weak"]], [(2**i, 2**i * 8) for i in range(1, 10)])
        for steps in (found["strong"], found["weak"]):
            self.assertEqual([step["ranks"] for step in steps if "measured_ms" in step], [2])
            for step in steps:
                self.assertGreater(step["ms"], step["exchange_ms"])
                self.assertAlmostEqual(step["examples_per_second"], 1e3 * step["batch"] / step["ms"], places=3)
        self.assertGreaterEqual(len(found["assumptions"]), 3)

    def test_scaling_of_a_link_that_is_given(self):
        found = self.scaling("--latency", 10, "--bandwidth", 25, ranks=0)
        self.assertAlmostEqual(found["latency_us"], 10)
        self.assertNotIn("exchanges", found)
        self.assertAlmostEqual(found["weak"][-1]["exchange_ms"], 2 * (7 + 63) * 0.01, delta=0.01)   # nodes of 8
        at_once = self.scaling("--latency", 10, "--bandwidth", 25, "--ranks-of-node", 1, ranks=0)
        self.assertAlmostEqual(at_once["weak"][-1]["exchange_ms"], 2 * 511 * 0.01, delta=0.01)
        self.fails("bench", "--scaling", *TINY, saying=["over 2, 4, ... ranks", "a number of 1", "--latency"])

    def test_impossible_shapes(self):
        self.fails("bench", "--in-window", 99, "--out-window", 100, saying=["in_window", "99"])
        self.fails("bench", "--in-window", 201, "--out-window", 100, saying=["in_window", "201"])
        self.fails("bench", *TINY, "--slices", 3, saying=["a batch of 8 cannot be cut into 3 gradient slices"])
        self.fails("bench", *TINY, ranks=3, saying=["8 gradient slices of one size, shared by 3 ranks"])
        self.fails("bench", "--filters", "many", saying=["--filters", "many"])
        folder = self.new_folder()
        self.cheri("bench", *TINY, folder=folder)
        self.assertEqual(list(folder.iterdir()), [])


if __name__ == "__main__":
    main()
