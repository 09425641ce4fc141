"""What the licences of footage and of bases allow: a small table, and the strictest where it is
silent.

SPDX ids are those of spdx.org/licenses; ids with `LicenseRef-` are for terms that have none. A
licence that isn't here allows research alone: nobody looked at what else it would allow.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal, get_args

Use = Literal["research", "non-commercial", "commercial"]
"""Each allows what those before it do."""

USES: Final[tuple[Use, ...]] = get_args(Use)


@dataclass(frozen=True)
class Licence:
    """A licence, and the most that it allows."""

    id: str
    """Of SPDX, or `LicenseRef-...`."""
    allows: Use
    clause: str
    """What it says of that, in words."""
    known: bool = True
    """Whether it stands in the table."""


_FREE: Final = "it allows every use"
_CREDIT: Final = "it allows every use with credit"
_ALIKE: Final = "it allows every use with credit, and what is made of it stays under the same terms"
_NC: Final = "NonCommercial: it forbids what is primarily for commercial advantage or payment"
_ND: Final = "NoDerivatives: it forbids to share what is adapted from it, as an adapter may be"

_TABLE: Final[tuple[tuple[Use, str, tuple[str, ...]], ...]] = (
    ("commercial", _FREE, ("CC0-1.0", "PDDL-1.0", "CDLA-Permissive-1.0", "CDLA-Permissive-2.0",
                           "C-UDA-1.0", "Unlicense", "0BSD", "MIT-0")),
    ("commercial", _CREDIT, ("CC-BY-2.0", "CC-BY-2.5", "CC-BY-3.0", "CC-BY-4.0", "ODC-By-1.0",
                             "OGL-UK-3.0", "Apache-2.0", "MIT", "BSD-2-Clause", "BSD-3-Clause",
                             "ISC")),
    ("commercial", _ALIKE, ("CC-BY-SA-2.0", "CC-BY-SA-2.5", "CC-BY-SA-3.0", "CC-BY-SA-4.0",
                            "ODbL-1.0", "CDLA-Sharing-1.0")),
    ("non-commercial", _NC, ("CC-BY-NC-2.0", "CC-BY-NC-2.5", "CC-BY-NC-3.0", "CC-BY-NC-4.0",
                             "CC-BY-NC-SA-2.0", "CC-BY-NC-SA-2.5", "CC-BY-NC-SA-3.0",
                             "CC-BY-NC-SA-4.0")),
    ("research", _ND, ("CC-BY-ND-2.0", "CC-BY-ND-2.5", "CC-BY-ND-3.0", "CC-BY-ND-4.0",
                       "CC-BY-NC-ND-2.0", "CC-BY-NC-ND-2.5", "CC-BY-NC-ND-3.0",
                       "CC-BY-NC-ND-4.0")),
    ("commercial", "the footage is one's own", ("LicenseRef-Own",)),
    ("research", "its archive names no licence, and its authors give it for research",
     ("LicenseRef-MSR-VTT",)),
    ("research", "its terms allow non-commercial research alone",
     ("LicenseRef-Panda-70M", "LicenseRef-HD-VILA-100M", "LicenseRef-WebVid")),
    ("research", "its licence is of the annotations, and the footage is its uploaders'",
     ("LicenseRef-VATEX", "LicenseRef-MSVD", "LicenseRef-ActivityNet")),
    ("research", "its licence allows academic research; for commercial use one has to register",
     ("LicenseRef-CogVideoX",)),
    ("research", "each checkpoint has a licence of its own, which nobody has looked at here",
     ("LicenseRef-LTX-Video",)),
)  # fmt: skip

LICENCES: Final = {
    id_.casefold(): Licence(id_, allows, clause) for allows, clause, ids in _TABLE for id_ in ids
}
"""By id in lower case."""

_SPELT: Final = {
    "cc0": "cc0-1.0",
    "cc by 4.0": "cc-by-4.0",
    "cc by-sa 4.0": "cc-by-sa-4.0",
    "cc by-nc 4.0": "cc-by-nc-4.0",
    "cc by-nc-sa 4.0": "cc-by-nc-sa-4.0",
    "apache 2.0": "apache-2.0",
    "own footage": "licenseref-own",
    "cogvideox licence": "licenseref-cogvideox",
    "cogvideox license": "licenseref-cogvideox",
    "ltx-video's own, see *.license.txt of the checkpoint": "licenseref-ltx-video",
    "microsoft research, no explicit licence in the archive": "licenseref-msr-vtt",
    "snap inc. non-commercial research licence; clips also under the hd-vila-100m terms": (
        "licenseref-panda-70m"
    ),
    "annotations cc-by-4.0; the footage is its uploaders'": "licenseref-vatex",
    "non-commercial research terms of the dataset; the footage is shutterstock's": (
        "licenseref-webvid"
    ),
}
"""Other words for the same, as the files of this project and many others have them."""

_USES_SPELT: Final[dict[str, Use]] = {
    "any": "commercial",
    "commercial": "commercial",
    "non-commercial": "non-commercial",
    "noncommercial": "non-commercial",
    "research": "research",
    "non-commercial research": "research",
    "academic research": "research",
}


def licence_of(text: str) -> Licence:
    """The licence that a text names: an id, other words for it, or several of them joined with
    `AND` (all hold, so the strictest decides) or `OR` (one may choose)."""
    said = " ".join(text.split())
    if " OR " in said:
        return max(map(licence_of, said.split(" OR ")), key=lambda one: rank(one.allows))
    if " AND " in said:
        return min(map(licence_of, said.split(" AND ")), key=lambda one: rank(one.allows))
    folded = said.casefold()
    found = LICENCES.get(_SPELT.get(folded, folded))
    if found is not None:
        return found
    clause = "it is not in the table of licences, and what nobody looked at allows research alone"
    return Licence(said or "no licence", "research", clause, known=False)


def use_of(text: str) -> Use:
    """The use that a dataset's `use` names by its first words; what isn't clear is research."""
    first = " ".join(re.split(r"[;,:.(]", text, maxsplit=1)[0].split()).casefold()
    return _USES_SPELT.get(first, "research")


def rank(use: Use) -> int:
    """Higher allows more."""
    return USES.index(use)


def strictest(*uses: Use) -> Use:
    """The one that allows least."""
    return min(uses, key=rank)
