"""`npm-studio capture`: looks at a depth recording, isolates its subject, converts it."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from npm_studio.cli.capture_options import add_capture_options, open_from_options, stated
from npm_studio.cli.console import ConsoleProgress, add_json, add_model
from npm_studio.cli.words import words

if TYPE_CHECKING:
    from engine.sequences.depth_sequence import DepthSequence

_HISTOGRAM_FRAMES = 20


def configure(parser: argparse.ArgumentParser) -> None:
    from engine.core.registry import CAPTURES, registered

    formats = ", ".join(registered(CAPTURES))
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, summary in (
        ("info", "what the recording is, its frames, and its depths in metres"),
        ("show", "a contact sheet of frames: depth, what is kept of it, and a histogram in metres"),
        ("convert", "write the subject as a depth sequence folder, placed for a model"),
    ):
        child = actions.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
        child.add_argument(
            "source", type=Path, metavar="SOURCE", help=f"folder or file of a depth recording; known formats: {formats}"
        )
        if name == "show":
            child.add_argument("out", type=Path, metavar="OUT.png", help="picture to write")
        if name == "convert":
            child.add_argument("out", type=Path, metavar="OUT", help="depth sequence folder to write")
            add_model(child, "model to place it for: a folder")
        add_capture_options(child)
        add_json(child)


def run(options: argparse.Namespace) -> dict[str, Any]:
    actions = {"info": _info, "show": _show, "convert": _convert}
    with ConsoleProgress() as progress:
        return actions[options.action](options, progress)


def _info(options: argparse.Namespace, progress: ConsoleProgress) -> dict[str, Any]:
    import numpy as np

    from engine.sequences.facts import camera_text, frames_text, pose_text
    from engine.sequences.planes import frame_indices

    sequence = open_from_options(options.source, options, None, progress)
    chosen = {*frame_indices(len(sequence), _HISTOGRAM_FRAMES), *sequence.first_seen()}
    frames = [sequence.depth_m(index) for index in sorted(chosen)]
    depths = np.concatenate([frame[frame > 0] for frame in frames])
    quantiles = {f"{q:g}": round(float(np.quantile(depths, q / 100)), 3) for q in (0, 5, 25, 50, 75, 95, 100)}
    valid = len(depths) / sum(frame.size for frame in frames)
    camera = sequence.camera
    lines = [
        f"{options.source}: {sequence.origin}",
        f"frames     {frames_text(sequence)}, {valid:.0%} of the pixels valid",
        f"camera     {camera_text(sequence)}, pose {pose_text(sequence)}",
        "depth [m]  " + ", ".join(f"{q} % {value:.3f}" for q, value in quantiles.items()),
        *_text_histogram(depths),
        *(f"warning: {text}" for text in _lines(sequence)),
    ]
    print("\n".join(lines))
    return {
        "source": str(options.source),
        "origin": sequence.origin,
        "frames": len(sequence),
        "frame_rate": sequence.frame_rate,
        "frame_rate_assumed": sequence.times_assumed,
        "width": camera.width,
        "height": camera.height,
        "intrinsics": [camera.fx, camera.fy, camera.cx, camera.cy],
        "valid": round(valid, 4),
        "depth_quantiles_m": quantiles,
        "pose_stated": sequence.cameras_to_world is not None,
        "warnings": _lines(sequence),
    }


def _lines(sequence: "DepthSequence") -> list[str]:
    return [warning.line(words) for warning in sequence.warnings]


def _text_histogram(depths: Any, bins: int = 12, width: int = 40) -> list[str]:
    import numpy as np

    low, high = (float(np.quantile(depths, q)) for q in (0.005, 0.995))
    counts, edges = np.histogram(depths, bins, (low, max(high, low + 0.01)))
    longest = max(int(counts.max()), 1)
    return [
        f"  {low:5.2f} to {high:5.2f} m {'#' * round(width * count / longest):<{width}} {count / len(depths):4.0%}"
        for count, low, high in zip(counts, edges[:-1], edges[1:], strict=True)
    ]


def _show(options: argparse.Namespace, progress: ConsoleProgress) -> dict[str, Any]:
    from engine.core.errors import InputError
    from engine.sequences.opening import open_recording
    from engine.sequences.reader import registered_readers
    from npm_studio.reports.pictures.captures import capture_sheet
    from npm_studio.reports.pictures.sheet import save_picture

    if options.out.suffix.lower() != ".png":
        raise InputError(options.out, "is not the name of a picture", "give a name that ends in .png")
    capture = stated(options)
    sequence = open_recording(options.source, registered_readers(), capture, progress)
    save_picture(capture_sheet(sequence, capture.isolation), options.out)
    for text in _lines(sequence):
        progress.message(f"warning: {text}")
    progress.message(f"{options.out}: {sequence.origin}")
    return {"picture": str(options.out), "origin": sequence.origin, "warnings": _lines(sequence)}


def _convert(options: argparse.Namespace, progress: ConsoleProgress) -> dict[str, Any]:
    import numpy as np

    from engine.core.errors import Cancelled, InputError
    from engine.core.files import natural_key
    from engine.models.checkpoint import load_model
    from engine.sequences.camera_path import stands_still
    from engine.sequences.depth_sequence import is_native, save_depth_sequence

    source, out = options.source.resolve(), options.out.resolve()
    if out == source or out in source.parents or (options.source.is_dir() and source in out.parents):
        raise InputError(options.out, "is the recording itself or around it", "name another folder")
    if out.exists() and not (out.is_dir() and (not any(out.iterdir()) or is_native(out))):
        raise InputError(options.out, "is there already and is no depth sequence of NPM Studio", "name a new folder")
    if (out / "truth").exists():
        raise InputError(options.out, "holds the ground truth of other frames", "name a new folder")
    sequence = open_from_options(options.source, options, load_model(options.model), progress)
    progress.stage("writing", len(sequence))

    def frames() -> Any:
        for index in range(len(sequence)):
            if progress.cancelled():
                raise Cancelled
            yield sequence.depth_m(index)
            progress.advance(index + 1)

    names: tuple[str, ...] | None = sequence.frame_names
    in_order = sorted(set(sequence.frame_names), key=lambda name: natural_key(Path(f"{name}.png")))
    if tuple(in_order) != names:  # a folder is read in natural order
        names = None
    poses = np.stack([sequence.camera_at(index) for index in range(len(sequence))])
    timing = None if sequence.times_assumed else sequence.times_s
    save_depth_sequence(options.out, frames(), sequence.camera, poses, timing, names)
    for text in _lines(sequence):
        progress.message(f"warning: {text}")
    progress.message(f"{options.out}: {len(sequence)} frames; {sequence.origin}")
    return {
        "sequence": str(options.out),
        "frames": len(sequence),
        "origin": sequence.origin,
        "camera_to_world": (poses[0] if stands_still(poses) else poses).tolist(),
        "warnings": _lines(sequence),
    }
