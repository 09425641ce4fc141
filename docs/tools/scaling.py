"""What slora needs at a size: the tables of docs/scaling.md, for these or for your own numbers.

`python docs/tools/scaling.py [--clips N ...] [--gpus N ...] [--set NAME=VALUE ...]` prints them as
Markdown. Names, values and where each comes from: `docs/tools/scaling.yaml`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from scaling_model import (
    Figure,
    Numbers,
    Work,
    cost,
    numbers,
    read_figures,
    works,
)

CLIPS: Final = (10_000, 1_000_000, 70_000_000)
GPUS: Final = (1, 8, 64)
_MANY_FILES: Final = 50e6


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Markdown."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def stages_table(clips: float, gpus: Sequence[int], n: Numbers) -> str:
    """A row per stage: what it leaves, how long it takes on so many GPUs, what it waits for."""
    done = works(clips, n)
    rows = [_stage_row(name, work, gpus, n) for name, work in done.items()]
    kept = sum(work.disk_bytes for work in done.values())
    sums = [_sum(done.values(), count, n) for count in gpus]
    rows.append(["**all of them**", size(kept), _month(kept, n), *sums, ""])
    heads = ["stage", "on disk", "per month"]
    return table([*heads, *(f"{count} GPU{'s'[: count > 1]}" for count in gpus), "waits for"], rows)


def _stage_row(name: str, work: Work, gpus: Sequence[int], n: Numbers) -> list[str]:
    cells = [_cell(work, count, n) for count in gpus] if work.gpu_s else []
    if not work.gpu_s:
        one = cost(work, 1, n)
        cells = [f"{duration(one.seconds)}, {money(one.usd)}", *["the same"] * (len(gpus) - 1)]
    return [
        name,
        size(work.disk_bytes) if work.disk_bytes else "-",
        _month(work.disk_bytes, n) if work.disk_bytes else "-",
        *cells,
        _limit(work, gpus, n),
    ]


def _cell(work: Work, gpus: int, n: Numbers) -> str:
    now, shared = cost(work, gpus, n), cost(work, gpus, n, spread=True)
    text = f"{duration(now.seconds)}, {money(now.usd)}"
    if shared.seconds < 0.95 * now.seconds:
        text += f" *({duration(shared.seconds)}, {money(shared.usd)})*"
    return text


def _limit(work: Work, gpus: Sequence[int], n: Numbers) -> str:
    """What a stage waits for on few GPUs, and what on many once they share the work; first of all
    whether it fits."""
    first = cost(work, gpus[0], n).limit
    last = cost(work, gpus[-1], n, spread=True).limit if work.gpu_s else first
    text = first if last == first else f"{first}; on {gpus[-1]} {last}"
    if work.memory_bytes > n["memory_bytes"]:
        return f"**doesn't fit**: {size(work.memory_bytes)} of memory; then {text}"
    return text


def _sum(done: Iterable[Work], gpus: int, n: Numbers) -> str:
    each = [cost(work, gpus, n) for work in done]
    seconds, usd = sum(one.seconds for one in each), sum(one.usd for one in each)
    return f"{duration(seconds)}, {money(usd)}"


def spans_table(clips: Sequence[float], figures: dict[str, Figure]) -> str:
    """Money on one GPU with every range at its cheapest, as the tables have it, at its dearest."""
    kinds = (numbers(figures, 0), numbers(figures), numbers(figures, 1))
    rows = []
    for count in clips:
        made = [works(count, n) for n in kinds]
        usd = [sum(cost(w, 1, n).usd for w in m.values()) for m, n in zip(made, kinds, strict=True)]
        kept = [sum(w.disk_bytes for w in m.values()) for m in made]
        rows.append([f"{count:,.0f}", *map(money, usd), *map(size, kept)])
    ends = ("cheapest", "as above", "dearest")
    return table(
        ["clips", *(f"work, {end}" for end in ends), *(f"on disk, {end}" for end in ends)], rows
    )


def limits_table(clips: Sequence[float], n: Numbers) -> str:
    """What grows with the clips and isn't cut into parts yet; bold where it is too much."""

    def row(name: str, of: float, most: float, say: Callable[[float], str]) -> list[str]:
        cells = [(say(count * of), count * of > most) for count in clips]
        return [name, *(f"**{text}**" if much else text for text, much in cells)]

    memory, files = n["memory_bytes"], 2 + 1 + n["prompts_per_clip"]
    runs = n["trainings_per_clip"] * n["epochs"] * n["step_tflop"]
    step = runs / (n["gpu_tflops"] * n["training_utilisation"]) / n["gpus_per_machine"]
    rows = [
        row("memory of curation", n["curation_clip_memory"], memory, size),
        row("memory of a process that reads all clips", n["read_clip_memory"], memory, size),
        row("until it has read them", n["read_clip_s"], 60, duration),
        row("a refresh with nothing new", n["refresh_clip_s"], 3600, duration),
        row("files in the workspace", files, _MANY_FILES, lambda files: f"{files:,.0f}"),
        row("training on one machine, every GPU", step, 30 * 86400, duration),
    ]
    return table(["", *(f"{count:,.0f} clips" for count in clips)], rows)


def figures_table(figures: dict[str, Figure]) -> str:
    """Every number that the tables rest on."""
    rows = [
        [f"`{name}`", number(one.value), one.unit, _span(one), one.kind, one.source]
        for name, one in figures.items()
    ]
    return table(["name", "value", "unit", "range", "kind", "from"], rows)


def _span(figure: Figure) -> str:
    return " to ".join(map(number, figure.range)) if figure.range else ""


def number(value: float) -> str:
    """In plain digits, or with a power where there would be many zeros."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def duration(seconds: float) -> str:
    """As people say it."""
    for unit, length in (("years", 365.25 * 86400), ("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 1.5 * length:
            return f"{_rounded(seconds / length)} {unit}"
    return f"{_rounded(seconds)} s"


def size(bytes_: float) -> str:
    """In powers of a thousand."""
    for unit, length in (("PB", 1e15), ("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if bytes_ >= length:
            return f"{_rounded(bytes_ / length)} {unit}"
    return f"{_rounded(bytes_ / 1e3)} kB"


def money(usd: float) -> str:
    """In dollars."""
    return f"${_rounded(usd)}" if usd >= 0.01 else "under $0.01"


def _rounded(value: float) -> str:
    """Two digits that count."""
    return f"{float(f'{value:.2g}'):,.0f}" if value >= 10 else f"{value:.2g}"


def _month(bytes_: float, n: Numbers) -> str:
    return money(bytes_ / 1e12 * n["tb_month_usd"])


def blocks(clips: Sequence[float] = CLIPS, gpus: Sequence[int] = GPUS) -> dict[str, str]:
    """The generated parts of docs/scaling.md, by name."""
    figures = read_figures()
    n = numbers(figures)
    return {
        **{f"scaling {count:,.0f}": stages_table(count, gpus, n) for count in clips},
        "scaling limits": limits_table(clips, n),
        "scaling spans": spans_table(clips, figures),
        "scaling figures": figures_table(figures),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=float, nargs="+", default=CLIPS)
    parser.add_argument("--gpus", type=int, nargs="+", default=GPUS)
    parser.add_argument("--set", nargs="+", default=[], metavar="NAME=VALUE")
    options = parser.parse_args()
    figures = read_figures()
    for one in options.set:
        name, _, value = one.partition("=")
        if name not in figures:
            parser.error(f"no figure is called {name!r}; there are {', '.join(figures)}")
        figures[name] = figures[name].model_copy(update={"value": float(value), "range": None})
    n = numbers(figures)
    for count in options.clips:
        print(f"\n{count:,.0f} clips\n\n{stages_table(count, options.gpus, n)}")
    print(f"\n{limits_table(options.clips, n)}\n\n{spans_table(options.clips, figures)}")


if __name__ == "__main__":
    main()
