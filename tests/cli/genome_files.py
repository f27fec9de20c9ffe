"""Writes small input files of `cheri import`, well-formed ones and others."""
import gzip
import struct
import zlib
from pathlib import Path


def write_bigwig(path, lengths, intervals):
    """A bigWig without compression: lengths {chromosome: length}, intervals [(chromosome, start, end, value)], sorted."""
    names = list(lengths)
    tree = struct.pack("<IIIIQQBBH", 0x78CA8C91, 256, 16, 8, len(names), 0, 1, 0, len(names))
    for number, name in enumerate(names):
        tree += struct.pack("<16sII", name.encode(), number, lengths[name])
    data_at = 64 + len(tree)
    data, leaves, blocks = struct.pack("<Q", len(names)), b"", 0
    for number, name in enumerate(names):
        own = [interval[1:] for interval in intervals if interval[0] == name]
        if not own:
            continue
        block = struct.pack("<IIIIIBBH", number, own[0][0], own[-1][1], 0, 0, 1, 0, len(own))
        block += b"".join(struct.pack("<IIf", *item) for item in own)
        leaves += struct.pack("<IIIIQQ", number, own[0][0], number, own[-1][1], data_at + len(data), len(block))
        data, blocks = data + block, blocks + 1
    index_at = data_at + len(data)
    index = struct.pack("<IIQIIIIQIIBBH", 0x2468ACE0, 256, blocks, 0, 0, 0, 0, index_at, 1024, 0, 1, 0, blocks) + leaves
    header = struct.pack("<IHHQQQHHQQIQ", 0x888FFC26, 4, 0, 64, data_at, index_at, 0, 0, 0, 0, 0, 0)
    Path(path).write_bytes(header + tree + data + index)


def write_fasta(path, sequences):
    Path(path).write_text("".join(f">{name}\n{sequence}\n" for name, sequence in sequences.items()))


def write_bed(path, loci):
    Path(path).write_text("".join("\t".join(map(str, locus)) + "\n" for locus in loci))


def gzipped(path):
    """A copy beside the file, with the ending .gz."""
    target = Path(f"{path}.gz")
    target.write_bytes(gzip.compress(Path(path).read_bytes()))
    return target


def bgzipped(path):
    """A copy as bgzip makes it: gzip members of up to 64 KiB, each with its size in an extra field, and an empty one."""
    text = Path(path).read_bytes()
    target = Path(f"{path}.bgz.gz")
    with open(target, "wb") as file:
        for begin in list(range(0, len(text), 0xff00)) + [len(text)]:
            part = text[begin:begin + 0xff00]
            packer = zlib.compressobj(6, zlib.DEFLATED, -15)
            packed = packer.compress(part) + packer.flush()
            file.write(struct.pack("<BBBBIBBHBBHH", 31, 139, 8, 4, 0, 0, 255, 6, 66, 67, 2, len(packed) + 25))
            file.write(packed + struct.pack("<II", zlib.crc32(part), len(part)))
    return target
