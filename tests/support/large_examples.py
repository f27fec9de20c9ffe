"""Writes a large examples file of random records, to measure streaming with: large_examples.py FILE GIGABYTES [TRACKS].

Windows of 2114 and 1000 bp with a jitter of 500; counts in u8. One record in fifty is of the validation chromosome.
"""
import sys

import h5py
import numpy as np

path, size, tracks = sys.argv[1], float(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 1
in_record, out_record, block = 2114 + 1000, 1000 + 1000, 1024
n = int(size * 2**30 / (in_record + tracks * out_record)) // block * block
rng = np.random.default_rng(0)
with h5py.File(path, "w") as file:
    file.attrs.update(format="cheri-examples", format_version=1, in_window=2114, out_window=1000, max_jitter=500)
    file["chromosomes/name"] = [b"training", b"validation"]
    file["loci/chrom"] = (np.arange(n) % 50 == 0).astype("i4")
    file["loci/start"], file["loci/end"] = np.arange(n), np.arange(n) + 1
    sequence = file.create_dataset("sequence", (n, in_record), "u1")
    signal = file.create_dataset("signal", (n, tracks, out_record), "u1")
    for begin in range(0, n, block):
        sequence[begin:begin + block] = rng.integers(0, 4, (block, in_record), "u1")
        signal[begin:begin + block] = rng.integers(0, 3, (block, tracks, out_record), "u1")
print(f"{n} records of {in_record + tracks * out_record} bytes")
