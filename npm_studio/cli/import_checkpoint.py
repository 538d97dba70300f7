"""`npm-studio import-checkpoint`: a model from checkpoints of the published NPM code."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from npm_studio.cli.console import ConsoleProgress, add_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.geometry.similarity import Similarity


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Sizes and kinds of the networks are inferred from the tensors; nothing in the files is executed. Checkpoints "
        "do not name identities and frames: give the labels of the training."
    )
    parser.add_argument("checkpoint", type=Path, metavar="FILE.tar", help="checkpoint of the shape or the pose stage")
    parser.add_argument("--out", type=Path, required=True, metavar="MODEL.npm", help="model folder to write")
    parser.add_argument(
        "--pose-checkpoint", type=Path, metavar="FILE", help="take the pose decoder and pose codes of this one"
    )
    parser.add_argument("--shape-encoder", type=Path, metavar="FILE", help="checkpoint of the shape encoder")
    parser.add_argument("--pose-encoder", type=Path, metavar="FILE", help="checkpoint of the pose encoder")
    parser.add_argument("--labels", type=Path, metavar="labels.json", help="the frame of each pose code")
    parser.add_argument(
        "--labels-tpose", type=Path, metavar="labels_tpose.json", help="the identity of each shape code"
    )
    parser.add_argument("--class", dest="category", metavar="TEXT", help='what it models, such as "human bodies"')
    parser.add_argument(
        "--normalise",
        metavar="HOW",
        help="how metres became canonical units: cape, mano, anny, none or SCALE,X,Y,Z (default: by the datasets that "
        "the labels name, else none)",
    )
    add_json(parser)


def run(options: argparse.Namespace) -> dict[str, Any]:
    from dataclasses import asdict, replace

    from engine.models.checkpoint import check_replaceable, save_model
    from engine.surface.lipschitz import measure_lipschitz
    from external.npms.checkpoint import Sources, import_checkpoint

    check_replaceable(options.out)
    similarity = None if options.normalise is None else _fixed(options.normalise)
    sources = Sources(
        options.checkpoint,
        options.pose_checkpoint,
        options.shape_encoder,
        options.pose_encoder,
        options.labels,
        options.labels_tpose,
    )
    name = Path(options.out.absolute().name).stem
    with ConsoleProgress() as progress:
        model = import_checkpoint(sources, name, options.category or "unknown")
        if similarity is None:
            similarity, remark = _usual(model.info.identity_datasets)
            progress.message(remark)
        model = replace(model, info=replace(model.info, similarity=similarity))
        if model.has_pose and options.labels is None:
            progress.message(
                f"without --labels, nothing says whose the {len(model.info.frames)} poses are: they are numbered, "
                "and each serves every identity, up to `npm-studio reconstruct --identity "
                f"{len(model.info.identities) - 1} --frame {len(model.info.frames) - 1}`"
            )
        # measured once here, so that nobody who meshes the model has to
        model.info.training["lipschitz"] = measure_lipschitz(model).as_dict()
        save_model(model, options.out)
        frames = f"{len(model.info.frames)} frames" if model.has_pose else "no pose part"
        progress.message(f"{options.out}: {len(model.info.identities)} identities, {frames}")
    pose = model.pose_decoder
    return {
        "model": str(options.out),
        "identities": len(model.info.identities),
        "frames": len(model.info.frames),
        "shape": {"code_size": model.shape_decoder.code_size, "decoder": asdict(model.shape_decoder.config)},
        "pose": None if pose is None else {"code_size": pose.pose_code_size, "decoder": asdict(pose.config)},
        "encoders": {
            kind: asdict(encoder.config)
            for kind, encoder in (("shape", model.shape_encoder), ("pose", model.pose_encoder))
            if encoder is not None
        },
        "similarity": similarity.as_dict(),
    }


def _fixed(text: str) -> "Similarity":
    from engine.core.errors import InputError
    from engine.dataset.normalisation import parse_normalisation

    normalisation = parse_normalisation(text)
    if normalisation.by != "fixed":
        raise InputError(f"--normalise {text}", "needs meshes, of which a checkpoint has none", "give SCALE,X,Y,Z")
    return normalisation.similarity


def _usual(datasets: "Sequence[str]") -> "tuple[Similarity, str]":
    """How the published code normalises ``datasets``, and a line that says what was chosen."""
    from engine.dataset.normalisation import PRESETS

    if not datasets:
        return PRESETS["none"], "nothing says the scale: canonical units count as metres (see --normalise)"
    preset = "mano" if any("mano" in name.lower() for name in datasets) else "cape"
    return PRESETS[preset], f"normalised as {preset}, by the datasets in the labels (see --normalise)"
