"""Near-duplicates among many frames: the curation's index beside a comparison of all pairs.

`python benchmarks/near_duplicates.py` draws hashes at random, with clusters planted among them, and
degenerate kinds. Of 10,000 both must refuse the same clips, as doubles of the same ones; 100,000
should take the index at most 20 s (all pairs of chance hashes take a hundred times as long as of
10,000). Seconds are the processor's.
"""

from __future__ import annotations

import argparse
import random
import resource
import sys
import time
from collections.abc import Callable, Sequence

from slora_assets.curation.near_duplicates import NearDuplicates
from slora_assets.curation.taken_down import overlap

Shown = tuple[str, int, float, float | None]
"""A clip's file, its first frame's hash, and from when to when it goes."""
_CLUSTER = 20


def main() -> None:
    """Print a table, a line per kind of footage and limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=100_000)
    parser.add_argument("--compared", type=int, default=10_000, help="of which all pairs are, too")
    options = parser.parse_args()
    few_n, many_n = options.compared, options.frames
    print(
        f"| footage | bits | {few_n}: all pairs, s | index, s | ratio | same | {many_n}: index, s |"
    )
    print("|---|---|---|---|---|---|---|")
    wrong = False
    for name, bits, draw in (
        ("chance, a tenth in clusters", 4, clustered),
        ("chance, a tenth in clusters", 8, clustered),
        ("chance, a tenth in clusters", 11, clustered),
        ("chance, a tenth in clusters", 16, clustered),
        ("files that all begin black", 4, black),
        ("dark files, a third part alike", 4, dark),
        ("parts of two tapes that begin black", 4, two_tapes),
    ):
        few, many = draw(options.compared, bits), draw(options.frames, bits)
        pairs_s, expected = timed(all_pairs, few, bits)
        few_s, found = timed(indexed, few, bits)
        many_s, _ = timed(indexed, many, bits)
        wrong |= found != expected
        print(
            f"| {name} | {bits} | {pairs_s:.2f} | {few_s:.2f} | {few_s / max(pairs_s, 0.01):.2f}"
            f" | {found == expected} | {many_s:.1f} |",
            flush=True,
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"\nlargest memory {peak:.0f} MB; the same clips refused: {not wrong}")
    sys.exit(wrong)


def clustered(count: int, bits: int) -> list[Shown]:
    """A tenth of the files stand in clusters: one differs from its middle in up to a bit more than
    the limit."""
    chance = random.Random(bits)
    looks = [chance.getrandbits(64) for _ in range(count - count // 10)]
    while len(looks) < count:
        middle = looks[chance.randrange(count // 2)]
        for _ in range(min(_CLUSTER, count - len(looks))):
            flips = chance.sample(range(64), chance.randrange(bits + 2))
            looks.append(middle ^ sum(1 << bit for bit in flips))
    chance.shuffle(looks)
    return [(f"{number}.mp4", look, 0.0, None) for number, look in enumerate(looks)]


def black(count: int, _bits: int) -> list[Shown]:
    """One hash."""
    return [(f"{number}.mp4", 1 << 63, 0.0, None) for number in range(count)]


def dark(count: int, bits: int) -> list[Shown]:
    """A third of every hash is the same: each is found by that part of all others."""
    chance = random.Random(bits)
    return [(f"{number}.mp4", chance.getrandbits(43) << 21, 0.0, None) for number in range(count)]


def two_tapes(count: int, _bits: int) -> list[Shown]:
    """Whole videos that begin alike, cut into parts of a second; each is in one of them alone."""
    halves = ((f"{number % 2}.mp4", number) for number in range(count))
    return [(path, 0, float(start), start + 1.0) for path, start in halves]


def indexed(clips: Sequence[Shown], bits: int) -> list[str | None]:
    """What each clip is a double of, as the curation finds it."""
    doubles = NearDuplicates(bits)
    said = [
        doubles.fault(str(number), path, f"{look:016x}", (start, end))
        for number, (path, look, start, end) in enumerate(clips)
    ]
    return [None if one is None else one[1] for one in said]


def all_pairs(clips: Sequence[Shown], bits: int) -> list[str | None]:
    """The same, each clip held against all that were kept before it."""
    kept: list[tuple[int, str, int, float, float | None]] = []
    said: list[str | None] = []
    for number, (path, look, start, end) in enumerate(clips):
        why = None
        for other, their_path, their_look, their_start, their_end in kept:
            apart = (look ^ their_look).bit_count()
            if apart <= bits and path != their_path and overlap(start, end, their_start, their_end):
                why = f"of {other}, {apart} bits"
                break
        if why is None:
            kept.append((number, path, look, start, end))
        said.append(why)
    return said


def timed(
    look: Callable[[Sequence[Shown], int], list[str | None]], clips: Sequence[Shown], bits: int
) -> tuple[float, list[str | None]]:
    """Processor's seconds, which a busy machine doesn't change, and the answer."""
    began = time.process_time()
    said = look(clips, bits)
    return time.process_time() - began, said


if __name__ == "__main__":
    main()
