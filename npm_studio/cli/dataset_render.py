"""`npm-studio dataset render`: depth sequences with ground truth from a registered dataset."""

import argparse
from pathlib import Path
from typing import Any

from npm_studio.cli.console import ConsoleProgress, add_device, add_json, add_seed

_MOST_VIEWS = 64


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset", type=Path, metavar="DIR", help="a registered dataset")
    parser.add_argument("out", type=Path, metavar="OUT", help="depth sequence folder to write")
    parser.add_argument("--identity", default="0", metavar="I", help="name or index of an identity (default: 0)")
    parser.add_argument("--sequence", default="0", metavar="S", help="name or index of its sequence (default: 0)")
    parser.add_argument(
        "--format",
        choices=("png", "npz", "tum"),
        default="png",
        help="16-bit millimetres, float32 metres, or the TUM RGB-D layout (default: png)",
    )
    parser.add_argument(
        "--camera",
        default="reference",
        metavar="FILE",
        help="intrinsics.json of the camera, with camera_to_world unless it stands in front of the subject (default: "
        "reference, the camera of the published NPM code)",
    )
    parser.add_argument(
        "--views",
        type=_views,
        default=1,
        metavar="N",
        help="cameras around the vertical axis, each a sequence OUT/view_<i> (default: 1, written to OUT itself)",
    )
    parser.add_argument("--noise", choices=("none", "kinect"), default="none", help="of the depth (default: none)")
    parser.add_argument(
        "--correspondences", action="store_true", help="also write which triangle each pixel sees, and where on it"
    )
    add_seed(parser)
    add_device(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> dict[str, Any]:
    from engine.core.devices import resolve_device
    from engine.dataset.rendering import load_camera, render_sequence
    from engine.geometry.camera import REFERENCE_CAMERA
    from engine.geometry.sensor_noise import KinectNoise
    from engine.models.labels import find_name
    from external.datasets import open_dataset

    device = resolve_device(options.device)
    camera, pose = (REFERENCE_CAMERA, None) if options.camera == "reference" else load_camera(Path(options.camera))
    dataset = open_dataset(options.dataset)
    identity = dataset.identity_index(options.identity)
    names = dataset.sequences_of(identity)
    sequence = names[find_name(names, options.sequence, f"{options.dataset}: sequence")]
    with ConsoleProgress() as progress:
        frames = render_sequence(
            dataset,
            identity,
            sequence,
            options.out,
            camera,
            pose,
            options.views,
            options.format,
            KinectNoise() if options.noise == "kinect" else None,
            options.seed,
            options.correspondences,
            device,
            progress,
        )
        views = f" in {options.views} views" if options.views > 1 else ""
        progress.message(f"{options.out}: {frames} frames{views} of {dataset.identities[identity]}, {sequence}")
    return {
        "out": str(options.out),
        "identity": dataset.identities[identity],
        "sequence": sequence,
        "frames": frames,
        "views": options.views,
        "format": options.format,
        "noise": options.noise,
    }


def _views(text: str) -> int:
    if not (text.isdecimal() and 1 <= int(text) <= _MOST_VIEWS):
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 1 to {_MOST_VIEWS}")
    return int(text)
