"""`python -m slora_assets.miniature.pretraining --stage vae` makes shipped weights, resumably."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from slora_assets.config.errors import InterruptedRunError, SloraError
from slora_assets.miniature.pretraining.settings import (
    DECODER_STAGES,
    MARK_STAGES,
    TRANSFORMER_STAGES,
    PretrainSettings,
)
from slora_assets.miniature.weights import SHIPPED
from slora_assets.processes.device import chosen_device
from slora_assets.processes.preloading import configure_libraries

if TYPE_CHECKING:
    import torch

log = logging.getLogger(__name__)
_STAGES = ("vae", *TRANSFORMER_STAGES, *DECODER_STAGES, "clip", "export")
_DEFAULT_CONFIG = Path(__file__).with_name("pretrain.yaml")


def main(arguments: list[str] | None = None) -> int:
    """Run one stage; 0 when it is finished, 3 when it stopped early and can go on, 1 on errors."""
    options = _parser().parse_args(arguments)
    configure_libraries()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    import torch

    if options.threads:
        torch.set_num_threads(options.threads)
    device = torch.device(chosen_device())
    log.info("stage %s on %s", options.stage, device.type)
    try:
        settings = PretrainSettings.read(options.config)
        _run(options.stage, settings, options.out, options.target, device, options.minutes)
    except InterruptedRunError as error:
        log.warning("%s", error)
        return 3
    except SloraError as error:
        log.error("%s", error)
        return 1
    return 0


def _run(
    stage: str,
    settings: PretrainSettings,
    out: Path,
    target: Path,
    device: torch.device,
    minutes: float | None,
) -> None:
    from slora_assets.miniature.pretraining.loop import train
    from slora_assets.miniature.pretraining.origin import origin

    if stage == "vae":
        from slora_assets.miniature.pretraining.vae import VaeStage

        made_from = origin(settings, stage)
        train(VaeStage(settings, device), settings.vae.loop, out / stage, made_from, minutes)
    elif stage in TRANSFORMER_STAGES:
        from slora_assets.miniature.pretraining.origin import BEFORE
        from slora_assets.miniature.pretraining.shipped import transformer_weights
        from slora_assets.miniature.pretraining.transformer import TransformerStage
        from slora_assets.miniature.pretraining.vae import trained_vae

        vae = trained_vae(settings, out, device)
        goes_on = stage != "transformer"
        start = transformer_weights(settings, out, BEFORE[stage]) if goes_on else None
        transformer = TransformerStage(settings, stage, vae, out / stage, device, start)
        loop = getattr(settings, stage).loop
        train(transformer, loop, out / stage, origin(settings, stage), minutes)
    elif stage == "decoder":
        from slora_assets.miniature.pretraining.decoder import DecoderStage, vae_to_go_on_from

        decoder = DecoderStage(settings, vae_to_go_on_from(settings, out, device), device)
        train(decoder, settings.decoder.loop, out / stage, origin(settings, stage), minutes)
    elif stage in MARK_STAGES:
        from slora_assets.miniature.pretraining.decoder import vae_to_mark
        from slora_assets.miniature.pretraining.marked import MarkStage
        from slora_assets.miniature.pretraining.origin import BEFORE
        from slora_assets.miniature.pretraining.shipped import finished_decoder

        goes_on = stage != MARK_STAGES[0]
        drawing = finished_decoder(settings, out, BEFORE[stage]) if goes_on else None
        mark = MarkStage(settings, stage, vae_to_mark(settings, out, device), device, drawing)
        train(mark, getattr(settings, stage).loop, out / stage, origin(settings, stage), minutes)
    elif stage == "export":
        from slora_assets.miniature.pretraining.export import export

        export(settings, out, target)
    else:
        from slora_assets.miniature.pretraining.clip import ClipStage

        made_from = origin(settings, stage)
        train(ClipStage(settings, device), settings.clip.loop, out / stage, made_from, minutes)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stage", required=True, choices=_STAGES)
    parser.add_argument("--config", type=Path, default=_DEFAULT_CONFIG)
    parser.add_argument("--out", type=Path, default=Path("data/pretrain"))
    parser.add_argument(
        "--target",
        type=Path,
        default=SHIPPED,
        help="where stage export writes base/ and scorer/; the package's own by default",
    )
    parser.add_argument("--minutes", type=float, help="stop, resumably, after so long")
    parser.add_argument("--threads", type=int, help="CPU threads")
    return parser


if __name__ == "__main__":
    sys.exit(main())
