"""`npm-studio export-checkpoint`: a model as a checkpoint of the published NPM code."""

import argparse
from pathlib import Path
from typing import Any

from npm_studio.cli.console import ConsoleProgress, add_json


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "A checkpoint of the published NPM code, with the settings of its configuration that these networks need. Of a "
        "model without a pose part, the checkpoint has a random one, as those of the shape stage do."
    )
    parser.add_argument("model", type=Path, metavar="MODEL", help="model folder")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.tar", help="checkpoint to write")
    parser.add_argument("--shape-encoder", type=Path, metavar="FILE.tar", help="write the shape encoder to this file")
    parser.add_argument("--pose-encoder", type=Path, metavar="FILE.tar", help="write the pose encoder to this file")
    add_json(parser)


def run(options: argparse.Namespace) -> dict[str, Any]:
    from engine.core.errors import InputError
    from engine.models.checkpoint import load_model
    from external.npms.checkpoint import export_checkpoint, export_encoder

    model = load_model(options.model)
    wanted = {"shape": (options.shape_encoder, model.shape_encoder), "pose": (options.pose_encoder, model.pose_encoder)}
    for kind, (path, encoder) in wanted.items():
        if path is not None and encoder is None:
            raise InputError(options.model, f"has no {kind} encoder", f"leave --{kind}-encoder out")
    settings = export_checkpoint(model, options.out)
    written = [str(options.out)]
    for kind, (path, encoder) in wanted.items():
        if path is not None and encoder is not None:
            export_encoder(encoder, path, "shape" if kind == "shape" else "pose")
            written.append(str(path))
    with ConsoleProgress() as progress:
        for kind, arguments in settings.items():
            progress.message(f"{kind}: " + ", ".join(f"{name} {value}" for name, value in arguments.items()))
    return {"written": written, "settings": settings}
