"""`npm-studio card`: a model's card."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from npm_studio.cli.console import ConsoleProgress, add_device, add_json

if TYPE_CHECKING:
    from engine.models.model import NeuralParametricModel

_RESOLUTION, _SIZE = 192, 400  # of the picture: nodes per axis, pixels of the longest side of a surface


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Writes MODEL/README.md and the pictures in MODEL/card: what the model is, what it was trained on and how, "
        "its curves, its quality, where it fails, how to train it again. The card stays when the model is saved again."
    )
    parser.add_argument("model", type=Path, metavar="MODEL", help="model folder")
    parser.add_argument(
        "--log", type=Path, metavar="FILE", help="log of its training (default: NAME.training/log.jsonl if it is there)"
    )
    parser.add_argument("--quality", type=Path, metavar="FILE", help="JSON of benchmarks/model_quality.py")
    parser.add_argument("--encoders", type=Path, metavar="FILE", help="JSON of benchmarks/encoders.py")
    parser.add_argument("--notes", type=Path, metavar="FILE.md", help="where the model fails, put in as it is")
    add_device(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> dict[str, Any]:
    from PIL import Image

    from engine.core.devices import resolve_device
    from engine.core.files import replacing_file, replacing_folder
    from engine.models.checkpoint import load_model
    from engine.training.preview import preview_picture
    from engine.training.state import training_folder
    from npm_studio.reports.model_card import ModelCard, card_text
    from npm_studio.reports.training_curves import draw_curves, read_log

    model = load_model(options.model, resolve_device(options.device))
    usual = training_folder(options.model) / "log.jsonl"
    log = options.log or (usual if usual.is_file() else None)
    curves = read_log(log) if log else None
    card = ModelCard(
        quality=_read_metrics(options.quality),
        encoders=_read_metrics(options.encoders),
        notes=_read_notes(options.notes),
        surfaces=("card/surfaces.webp", _caption(model)),
        curves="card/curves.webp" if curves else None,
    )
    text = card_text(model, options.model, card)
    with ConsoleProgress() as progress:
        if curves is None:
            progress.message("no log of the training: the card has no curves")
        with replacing_folder(options.model / "card") as folder:
            picture = Image.fromarray(preview_picture(model, _RESOLUTION, _SIZE))
            picture.save(
                folder / "surfaces.webp", quality=85, method=6
            )  # a third of a PNG, which stays in git for ever
            if curves:
                draw_curves(curves, folder / "curves.webp")
        path = options.model / "README.md"
        with replacing_file(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
        progress.message(f"wrote {path}")
    pictures = sorted((options.model / "card").iterdir())
    return {"card": str(path), "pictures": [str(picture) for picture in pictures]}


def _caption(model: "NeuralParametricModel") -> str:
    from engine.training.preview import preview_identities

    shown = preview_identities(model)
    names = ", ".join(model.info.identities[one.identity] for one in shown)
    frames = ", ".join(str(model.info.frames[one.frame]) for one in shown if one.frame is not None)
    below = f"; below, posed as in the training frames {frames}" if frames else ""
    return f"Training identities {names}{below}."


def _read_metrics(path: Path | None) -> dict[str, Any] | None:
    """
    Raises:
        InputError: the file is not a JSON object.
    """
    from engine.core.errors import InputError
    from engine.core.files import read_json

    if path is None:
        return None
    remedy = "give the JSON that the benchmark wrote"
    metrics = read_json(path, remedy)
    if not isinstance(metrics, dict):
        raise InputError(path, "holds no metrics by name", remedy)
    return metrics


def _read_notes(path: Path | None) -> str:
    """
    Raises:
        InputError: the file is missing or not text.
    """
    from engine.core.errors import InputError

    if path is None:
        return ""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(path, "no such file", "write where the model fails as Markdown") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(path, f"cannot be read ({error.__class__.__name__})", "give a Markdown file") from None
