"""What `slora detect` found, as a person reads it."""

from __future__ import annotations

from collections.abc import Iterator

from slora_assets.governance.detection.detect import Detection

_CREDENTIALS = {
    "trusted": "signed by {by}, trusted here",
    "valid": "signed by {by} and unchanged; that root is not known here",
    "invalid": "they don't hold ({faults})",
}
_REGISTER = {
    "trusted": "entry {id}, by its {by}",
    "unknown key": "entry {id}, by its {by}, signed with a key that is not known here",
    "invalid": "entry {id}, by its {by}, but it was changed after it was signed",
}


def detection_lines(found: Detection) -> Iterator[str]:
    """One line each, the answer first."""
    yield f"{found.file}: {_answer(found)}"
    yield f"  credentials: {_credentials(found)}"
    yield f"  watermark:   {_watermark(found)}"
    yield f"  register:    {_register(found)}"
    yield f"  decoder:     {_decoder(found)}"
    if found.made_with:
        told = found.made_with
        adapter = (told.adapter_sha256 or "not said")[:16]
        yield f"  made with:   adapter {adapter} ({told.scenario}, {told.status}, {told.verdict})"
        yield f"               base {told.base} {told.base_revision}, {told.base_licence}"


def _answer(found: Detection) -> str:
    if not found.layers:
        return "no mark of a generated video"
    said = f"generated, by its {', '.join(found.layers)}"
    if found.agree is False:
        return f"{said}; they don't agree on which video it is"
    return said


def _credentials(found: Detection) -> str:
    read = found.credentials
    if read is None:
        return "none"
    said = _CREDENTIALS[read.state].format(by=read.by, faults=", ".join(read.faults))
    origin = "a trained model made it" if read.generated else "they don't say that it was generated"
    unknown = "" if read.stamp_trusted else ", by an authority that is not known here"
    stamp = f"; time-stamped {read.stamped}{unknown}" if read.stamped else ""
    return f"{said}; {origin}{f', id {read.id}' if read.id else ''}{stamp}"


def _watermark(found: Detection) -> str:
    mark = found.watermark
    if mark is None:
        return f"none ({found.undecoded})" if found.undecoded else "none"
    weak = ", weak: recognised as one of the register's" if mark.known else ""
    return f"id {found.ids['watermark']}..., fits {mark.fits:.1f} of 64{weak}"


def _register(found: Detection) -> str:
    entry = found.register
    if entry is None:
        return "no entry"
    return _REGISTER[entry.state].format(id=entry.video.id, by=entry.by)


def _decoder(found: Detection) -> str:
    by = found.drawn
    if by is None:
        return f"none ({found.undecoded})" if found.undecoded else "none"
    share = f"{by.agreeing} of {by.waves} waves as it draws them"
    return f"{by.base}'s drew it: {share}, by chance once in {1 / by.chance:.0e} times"
