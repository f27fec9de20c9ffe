"""Writes a human-sized genome to measure `cheri import` with: large_genome.py FOLDER [MILLIONS]. Wants numpy and pyBigWig.

24 chromosomes of 3.09 Gb as plain FASTA, 150,000 peaks as BED, and the cut sites of two strands as bigWig: counts at MILLIONS
(200) million positions each, some in the peaks, the others in a background that is dense in some domains and thin in others.
"""
import pathlib
import sys

import numpy as np
import pyBigWig

MEGABASES = [249, 242, 198, 190, 182, 171, 159, 145, 138, 134, 135, 133, 114, 107, 102, 90, 83, 80, 59, 64, 47, 51, 156, 57]
LENGTHS = {f"chr{name}": size * 1_000_000 for name, size in zip([*range(1, 23), "X", "Y"], MEGABASES)}
GENOME = sum(LENGTHS.values())
LINE, DOMAIN, PEAK, PEAKS = 50, 10_000, 400, 150_000
BASES = np.frombuffer(b"A" * 75 + b"C" * 53 + b"G" * 53 + b"T" * 75, "u1")   # 41 % GC


def write_sequence(file, name, length, rng):
    """A chromosome with unknown ends and an unknown hundredth in its middle."""
    file.write(f">{name}\n".encode())
    lines = np.full((length // LINE, LINE + 1), ord("\n"), "u1")
    lines[:, :LINE] = BASES[np.frombuffer(rng.bytes(length), "u1")].reshape(-1, LINE)
    middle = len(lines) // 2
    for begin, end in ((0, 200), (middle, middle + len(lines) // 100), (len(lines) - 200, len(lines))):
        lines[begin:end, :LINE] = ord("N")
    lines.tofile(file)


def cut_sites(length, peaks, wanted, rng):
    """The cuts at each position, at `wanted` positions to a percent."""
    counts = np.zeros(length, "u1")
    domains = rng.permutation(length // DOMAIN)
    in_peaks = np.repeat(peaks + PEAK // 2, wanted // (5 * len(peaks)))
    np.add.at(counts, in_peaks + (rng.standard_normal(len(in_peaks), "f4") * PEAK / 6).astype("i4"), 1)
    while (missing := wanted - np.count_nonzero(counts)) > wanted // 100:
        domain = domains[(rng.random(missing, "f4") ** 2 * (len(domains) - 1)).astype("i4")]
        np.add.at(counts, domain * DOMAIN + rng.integers(0, DOMAIN, missing, "i4"), 1)
    return counts


folder = pathlib.Path(sys.argv[1])
positions = int(float(sys.argv[2] if len(sys.argv) > 2 else 200) * 1e6)
folder.mkdir(exist_ok=True)
rng = np.random.default_rng(0)
tracks = [pyBigWig.open(str(folder / name), "w") for name in ("plus.bw", "minus.bw")]
for track in tracks:
    track.addHeader(list(LENGTHS.items()), maxZooms=0)
with open(folder / "genome.fa", "wb") as fasta, open(folder / "peaks.bed", "w") as bed:
    for name, length in LENGTHS.items():
        write_sequence(fasta, name, length, rng)
        peaks = np.sort(rng.choice(length // 2000 - 20, PEAKS * length // GENOME, replace=False) + 10) * 2000
        bed.writelines(f"{name}\t{start}\t{start + PEAK}\n" for start in peaks)
        for track in tracks:
            counts = cut_sites(length, peaks, positions * length // GENOME, rng)
            starts = np.flatnonzero(counts)
            track.addEntries(name, starts, values=counts[starts].astype("f4"), span=1)
        print(name, length, len(peaks), len(starts), flush=True)
for track in tracks:
    track.close()
