"""`npm-studio dataset` kinds that make something else of a dataset: normalised, rendered, as grids or sample files."""

import argparse
import math
from pathlib import Path
from typing import Any

from npm_studio.cli.console import ConsoleProgress, add_device, add_json, add_seed
from npm_studio.cli.dataset_import import add_import_options, run_import

_MOST_VIEWS = 64


def configure_normalise(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset", type=Path, metavar="DIR", help="a dataset; it is left as it is")
    add_import_options(parser)


def run_normalise(options: argparse.Namespace) -> dict[str, Any]:
    from engine.core.errors import InputError
    from engine.dataset.normalisation import parse_normalisation
    from engine.dataset.renormalised import DatasetInMetres
    from external.datasets import open_dataset

    if options.dataset.resolve() in options.out.resolve().parents:
        raise InputError(options.out, "lies in the dataset that is to be normalised", "name another folder")
    with ConsoleProgress() as progress:
        raw = DatasetInMetres(open_dataset(options.dataset))
        known = raw.similarities_if(parse_normalisation(options.normalise).by)
        return run_import(raw, options, progress, known)


def configure_render(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset", type=Path, metavar="DIR", help="a registered dataset")
    parser.add_argument("out", type=Path, metavar="OUT", help="depth sequence folder to write")
    parser.add_argument("--identity", default="0", metavar="I", help="name or index of an identity (default: 0)")
    parser.add_argument("--sequence", default="0", metavar="S", help="name or index of its sequence (default: 0)")
    parser.add_argument(
        "--format",
        choices=("png", "npz", "tum"),
        default="png",
        help="16-bit millimetres (finer for small, coarser for large subjects), float32 metres, or the TUM RGB-D "
        "layout (default: png)",
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


def run_render(options: argparse.Namespace) -> dict[str, Any]:
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


def configure_grids(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("sequence", type=Path, metavar="SEQUENCE", help="a depth sequence folder")
    parser.add_argument("out", type=Path, metavar="OUT", help="folder to write; one subfolder per frame")
    parser.add_argument("--resolution", type=int, choices=(128, 256), default=256, help="nodes per axis (default: 256)")
    parser.add_argument("--kind", choices=("occupancy", "partial-sdf", "both"), default="both", help="(default: both)")
    parser.add_argument(
        "--normalise",
        default="anny",
        metavar="HOW",
        help="way to canonical space: bounds (of what is seen), cape, mano, anny, none, or SCALE,X,Y,Z (default: anny)",
    )
    add_json(parser)


def run_grids(options: argparse.Namespace) -> dict[str, Any]:
    from engine.dataset.normalisation import bounds, fit_cube, parse_normalisation
    from engine.sequences.depth_sequence import load_depth_sequence
    from external.npms.view_grids import KINDS, write_view_grids

    normalisation = parse_normalisation(options.normalise)
    sequence = load_depth_sequence(options.sequence)
    similarity = normalisation.similarity
    if normalisation.by != "fixed":
        points = (sequence.points_world(index) for index in range(len(sequence)))
        similarity = fit_cube(*bounds(each for each in points if len(each)))
    kinds = KINDS if options.kind == "both" else (options.kind,)
    with ConsoleProgress() as progress:
        frames = write_view_grids(sequence, options.out, similarity, options.resolution, kinds, progress)
        progress.message(f"{options.out}: {', '.join(kinds)} of {frames} frames at {options.resolution}^3")
    return {
        "out": str(options.out),
        "frames": frames,
        "resolution": options.resolution,
        "kinds": list(kinds),
        "similarity": similarity.as_dict(),
    }


def configure_flow(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset", type=Path, metavar="DIR", help="a dataset")
    parser.add_argument("out", type=Path, metavar="OUT", help="folder tree to write")
    parser.add_argument(
        "--sigma",
        type=_sigma,
        action="append",
        metavar="S",
        help="largest offset of flow samples from the surface, canonical units; may be given several times "
        "(default: 0.01 and 0.002)",
    )
    parser.add_argument(
        "--points", type=_points, default=100_000, metavar="N", help="flow samples of each frame (default: 100000)"
    )
    parser.add_argument("--sdf", action="store_true", help="also write the pools of `npm-studio prepare`")
    parser.add_argument("--meshes", action="store_true", help="also write the meshes")
    add_seed(parser)
    add_json(parser)


def run_flow(options: argparse.Namespace) -> dict[str, Any]:
    from external.datasets import open_dataset
    from external.npms.export import export_tree

    sigmas = tuple(dict.fromkeys(options.sigma or (0.01, 0.002)))
    dataset = open_dataset(options.dataset)
    with ConsoleProgress() as progress:
        summary = export_tree(
            dataset, options.out, sigmas, options.points, options.seed, options.sdf, options.meshes, progress
        )
        progress.message(f"{options.out}: {summary.frames} frames of {summary.identities} identities, {summary.split}")
    return {
        "out": str(options.out),
        "identities": summary.identities,
        "frames": summary.frames,
        "sigmas": list(sigmas),
        "points": options.points,
        "split": str(summary.split),
    }


def _sigma(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 0.5:
        raise argparse.ArgumentTypeError(f"{text} is not a distance from 0 to 0.5")
    return value


def _points(text: str) -> int:
    if not (text.isdecimal() and 0 < int(text) <= 10_000_000):
        raise argparse.ArgumentTypeError(f"{text} is not a number of points from 1 to 10000000")
    return int(text)
