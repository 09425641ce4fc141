"""How well a clip shows its prompt: frames and a text in, CLIPSIM out.

Scorers come from a folder whose weights are hashed before they are read, or by open_clip's names,
with weights that open_clip knows or with a file of one's own.
"""

from __future__ import annotations

import difflib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from slora_assets.config.errors import ConfigError, FootageError, IntegrityError, MissingInputError
from slora_assets.documents import ScorerCard
from slora_assets.provenance import object_hash, sha256_file
from slora_assets.provenance.records import read_document

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray
    from PIL.Image import Image

CARD = "slora.json"
CONFIG = "open_clip_config.json"
WEIGHTS = "open_clip_model.safetensors"
REMEDY = "fetch or build the scorer again"

BATCH = 32
"""Frames encoded at a time: bounds memory for long clips."""


@dataclass(frozen=True)
class ScorerIdentity:
    """What a score was made with; scores compare only where identities are equal."""

    name: str
    revision: str
    licence: str | None
    trained: bool
    """False: weights are random or nearly so, and no verdict may rest on the scores."""
    weights_sha256: str
    """Object hash of the mapping from weight file name to SHA-256."""


class ClipScorer:
    """CLIPSIM with one model on one device. Made by `load_scorer` and `load_named_scorer`."""

    def __init__(
        self,
        identity: ScorerIdentity,
        model: torch.nn.Module,
        preprocess: Callable[[Image], torch.Tensor],
        tokenize: Callable[[list[str]], torch.Tensor],
        device: str,
    ) -> None:
        self._identity = identity
        self._model = model.to(device).eval()
        self._preprocess = preprocess
        self._tokenize = tokenize
        self._device = device
        self._known: dict[str, torch.Tensor] = {}

    @property
    def identity(self) -> ScorerIdentity:
        """Name, revision and weights of the model."""
        return self._identity

    def score(self, frames: NDArray[np.uint8], text: str) -> float:
        """As `scores`, of one text."""
        return self.scores(frames, [text])[0]

    def scores(self, frames: NDArray[np.uint8], texts: Sequence[str]) -> list[float]:
        """For each text the mean over frames of its cosine with a frame, -1..1, higher is better.

        `frames` are RGB uint8 [T, H, W, 3]. The formula is CLIPSIM (Wu et al. 2021, GODIVA, arXiv
        2104.14806) without the factor 100. Raises FootageError `bad_shape` for other shapes and
        for no frames.
        """
        import torch

        with torch.inference_mode():
            cosines = self._encoded(frames) @ self._texts(tuple(texts)).T
            return [float(mean) for mean in cosines.mean(dim=0)]

    def _texts(self, texts: tuple[str, ...]) -> torch.Tensor:
        """[N, D]; each text is encoded alone, so that its score depends on no other."""
        import torch

        for text in texts:
            if text not in self._known:
                self._known[text] = self._unit("encode_text", self._tokenize([text]))[0]
        return torch.stack([self._known[text] for text in texts])

    def embed(self, frames: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Embeddings [T, D] of RGB uint8 frames [T, H, W, 3], each of length one, so that products
        are cosines. Raises FootageError `bad_shape` as `scores` does."""
        import torch

        with torch.inference_mode():
            return self._encoded(frames).numpy()

    def _encoded(self, frames: NDArray[np.uint8]) -> torch.Tensor:
        """The frames' embeddings [T, D], float64 rows of length one."""
        import torch
        from PIL import Image

        shape = list(frames.shape)
        if frames.dtype != "uint8" or frames.ndim != 4 or shape[3] != 3 or 0 in shape:
            raise FootageError(
                "bad_shape", f"frames must be uint8 [T, H, W, 3], not {frames.dtype} {shape}"
            )
        rows = []
        for start in range(0, len(frames), BATCH):
            batch = frames[start : start + BATCH]
            images = torch.stack([self._preprocess(Image.fromarray(f)) for f in batch])
            rows.append(self._unit("encode_image", images))
        return torch.cat(rows)

    def _unit(self, encoder: str, batch: torch.Tensor) -> torch.Tensor:
        """Encode a batch into float64 rows of length one, [N, D], on the CPU."""
        import torch

        features: torch.Tensor = getattr(self._model, encoder)(batch.to(self._device))
        return torch.nn.functional.normalize(features.double().cpu(), dim=-1)


def load_scorer(folder: Path, device: str = "cpu", card: ScorerCard | None = None) -> ClipScorer:
    """Load the scorer in `folder` (slora.json, open_clip_config.json, safetensors, tokenizer).

    Every file the card lists is hashed before any is read as weights, and nothing is unpickled. A
    caller that has a card already has done so.
    Raises MissingInputError for absent files and IntegrityError, naming the file, for files that
    differ from the card, that the card leaves out, or that don't fit the configuration.
    """
    card = card or verified_card(folder)
    import open_clip

    source = f"local-dir:{folder}"
    logger = logging.getLogger()
    level = logger.level
    # open_clip warns of random weights here; the checked ones are loaded just below.
    logger.setLevel(logging.ERROR)
    try:
        model, _, preprocess = open_clip.create_model_and_transforms(
            source, load_weights=False, pretrained_text=False, device=device
        )
        tokenize = open_clip.get_tokenizer(source)
    except (ValueError, TypeError, KeyError) as error:
        raise IntegrityError(
            f"open_clip can't build the model ({error})", file=folder / CONFIG, remedy=REMEDY
        ) from error
    finally:
        logger.setLevel(level)
    try:
        open_clip.load_checkpoint(model, str(folder / WEIGHTS))
    except RuntimeError as error:
        raise IntegrityError(
            f"the weights don't fit {CONFIG} ({error})", file=folder / WEIGHTS, remedy=REMEDY
        ) from error
    identity = ScorerIdentity(
        card.name, card.revision, card.licence, card.trained, object_hash(card.weights)
    )
    return ClipScorer(identity, model, preprocess, tokenize, device)


def load_named_scorer(pair: str, device: str = "cpu") -> ClipScorer:
    """Load an open_clip model by `<model>:<pretrained tag>`, such as ViT-B-32:laion2b_s34b_b79k.

    Downloads the weights unless they are cached. Raises ConfigError for names open_clip doesn't
    know, MissingInputError when the download fails, and IntegrityError for weights that come only
    as a pickle or are damaged.
    """
    import open_clip

    name, _, tag = pair.partition(":")
    known = open_clip.list_pretrained_tags_by_model(name)
    if not tag or tag not in known:
        raise ConfigError(
            "open_clip knows no such scorer",
            key="scorer",
            found=pair,
            expected=f"{name}:<{' | '.join(known)}>" if known else _models_like(name),
            remedy="choose a pair from open_clip.list_pretrained()",
        )
    try:
        weights = Path(open_clip.download_pretrained(open_clip.get_pretrained_cfg(name, tag)))
    except (OSError, RuntimeError, ValueError) as error:
        raise MissingInputError(
            f"the weights of {pair} can't be downloaded ({error})",
            key="scorer",
            remedy="go online once, or name a folder or a file: <model>:<file>.safetensors",
        ) from error
    if weights.suffix != ".safetensors":
        raise IntegrityError(
            f"{pair} comes only as a pickle, which could run code",
            file=weights,
            expected="a .safetensors file",
            remedy="choose another pretrained tag",
        )
    hashed = object_hash({weights.name: sha256_file(weights)})
    return _by_name(name, tag, weights, ScorerIdentity(name, tag, None, True, hashed), device)


def load_local_weights(name: str, file: Path, device: str = "cpu") -> ClipScorer:
    """Load an open_clip model with weights of one's own.

    Raises ConfigError for a model open_clip doesn't know, IntegrityError for a file that isn't that
    model's weights.
    """
    import open_clip

    if name not in open_clip.list_models():
        raise ConfigError(
            "open_clip knows no such model",
            key="scorer",
            found=f"{name}:{file}",
            expected=_models_like(name),
            remedy="choose a model from open_clip.list_models()",
        )
    hashed = object_hash({"weights": sha256_file(file)})
    identity = ScorerIdentity(name, "local", None, True, hashed)
    return _by_name(name, str(file), file, identity, device)


def _by_name(
    name: str, pretrained: str, weights: Path, identity: ScorerIdentity, device: str
) -> ClipScorer:
    import open_clip
    from safetensors import SafetensorError

    try:
        model, _, preprocess = open_clip.create_model_and_transforms(
            name, pretrained=pretrained, device=device
        )
        tokenize = open_clip.get_tokenizer(name)
    except (OSError, RuntimeError, ValueError, KeyError, SafetensorError) as error:
        raise IntegrityError(
            f"open_clip can't load the scorer ({error})",
            file=weights,
            key="scorer",
            found=name,
            remedy=REMEDY,
        ) from error
    return ClipScorer(identity, model, preprocess, tokenize, device)


def _models_like(name: str) -> str:
    """What may have been meant."""
    import open_clip

    near = difflib.get_close_matches(name[:100], open_clip.list_models(), n=3)
    return f"a model such as {' or '.join(near)}" if near else "<model>:<pretrained tag>"


def verified_card(folder: Path) -> ScorerCard:
    """Read the card and hold every file it lists against its SHA-256."""
    card = read_document(folder / CARD, ScorerCard, what="a scorer's card", remedy=REMEDY)
    if WEIGHTS not in card.weights:
        raise IntegrityError(
            f"the card doesn't vouch for {WEIGHTS}",
            file=folder / CARD,
            key="weights",
            remedy=REMEDY,
        )
    for name, expected in card.weights.items():
        _verify(folder, name, expected)
    if not (folder / CONFIG).is_file():
        raise MissingInputError("the file does not exist", file=folder / CONFIG, remedy=REMEDY)
    return card


def _verify(folder: Path, name: str, expected: str) -> None:
    file = folder / name
    if Path(name).is_absolute() or ".." in Path(name).parts:
        raise IntegrityError(
            "a weight file must lie inside the folder",
            file=folder / CARD,
            key="weights",
            found=name,
        )
    try:
        found = sha256_file(file)
    except OSError as error:
        raise MissingInputError("the weights can't be read", file=file, remedy=REMEDY) from error
    if found != expected:
        raise IntegrityError(
            "the weights are not what the card says",
            file=file,
            found=found,
            expected=f"SHA-256 {expected}",
            remedy=REMEDY,
        )
