"""How near a fit comes to what it was not shown: of recordings whose truth nobody knows, real ones above all.

    python benchmarks/held_out.py RECORDING [--model anny-full] [--intrinsics ...] [--frames START:STOP:STEP]
        [--person MASKS] [--share 0.2] [--seed S] [--pictures FOLDER] [--json FILE]

Of every frame squares of 8 pixels are hidden, a fifth of the image, as if the camera had seen nothing there. The rest
is opened and fitted as `npm-studio fit` does it, whose options it takes. Single pixels would tell little: neighbours
tell where they are. Printed, for each frame and over all of them, of the points of the hidden pixels that show the
subject:

- median and mean: distance to the fitted mesh in mm, cut off at half a metre;
- near: the fraction that is at most 20 mm away. Clothes, hair and what the person holds are part of these distances.

Which pixels show the subject is what the model says of the whole recording; with `--person`, masks as `--masks` takes
them that the fit does not see, it is what they say, and two more figures are printed: found, the fraction of the
person's pixels that the model takes for the subject, and other, the fraction of what it takes for it that is not.

`--pictures` writes a picture of each frame: the depth with what is taken for the subject, and with the fitted mesh.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from plain import measured

from engine.core.config import read_config, set_fields
from engine.core.devices import describe_device, resolve_device
from engine.core.process import prepare_process
from engine.geometry.camera import transform_points
from engine.geometry.depth import point_image
from engine.geometry.mesh_distance import MeshDistance
from engine.geometry.ray_casting import render_depth
from engine.methods.job import run_fit
from engine.methods.method import LoadedModel, load_method
from engine.methods.npm.observing import observe
from engine.methods.request import FitRequest
from engine.methods.run import Run
from engine.models.checkpoint import load_model
from engine.models.model import NeuralParametricModel
from engine.sequences.depth_sequence import DepthSequence
from engine.sequences.isolation import Isolation, isolate, masked
from engine.sequences.opening import open_recording, subject_of
from engine.sequences.reader import registered_readers
from npm_studio.cli.capture_options import add_capture_options, stated
from npm_studio.cli.method_fields import add_method_fields, stated_fields
from npm_studio.cli.words import words
from npm_studio.resources import model_path

Figures = dict[str, Any]
SIDE = 8
"""Pixels of a square that is hidden."""
NEAR_MM, REACH_M = 20.0, 0.5
_BODY, _SUBJECT = np.array([255.0, 140, 0]), np.array([0.0, 120, 255])


def hidden_pixels(depth_m: NDArray[np.float32], share: float, seed: Sequence[int]) -> NDArray[np.bool_]:
    """Squares (H, W) of an image that are hidden: a fraction ``share`` of all, drawn by ``seed``."""
    height, width = depth_m.shape
    rows, columns = -(-height // SIDE), -(-width // SIDE)
    squares = np.random.default_rng(seed).random((rows, columns)) < share
    return np.kron(squares, np.ones((SIDE, SIDE), bool))[:height, :width]


def without_hidden(scene: DepthSequence, share: float, seed: int) -> DepthSequence:
    """``scene`` as a camera would have recorded it that sees nothing in the hidden pixels."""

    def read_frame(index: int) -> NDArray[np.float32]:
        depth_m = scene.read_frame(index)
        return np.where(hidden_pixels(depth_m, share, (seed, index)), np.float32(0), depth_m)

    return replace(scene, read_frame=read_frame)


def subject_alone(opened: DepthSequence, model: NeuralParametricModel) -> DepthSequence:
    """What a fit takes for the subject of ``opened``, without fitting."""
    masks = observe(opened, model).masks
    return opened if masks is None else masked(opened, masks)


def frame_figures(
    run: Run, scene: DepthSequence, subject: DepthSequence, person: DepthSequence, share: float, seed: int
) -> list[Figures]:
    """Of each frame of ``run`` the distances of what was hidden of ``scene``, and what of ``person`` is ``subject``.

    The latter two show one thing of the whole recording alone; frames in which it is not seen may be missing.
    """
    distance_to, rows = MeshDistance(), []
    for row, frame in enumerate(run.frames):
        depth_m, taken = _frame(person, frame.name), _frame(subject, frame.name) > 0
        index = scene.frame_names.index(frame.name)
        hidden = hidden_pixels(depth_m, share, (seed, index)) & (depth_m > 0)
        mesh, pose = run.meshes.read(row), frame.camera_to_world
        points = transform_points(np.eye(4) if pose is None else pose, point_image(depth_m, person.camera)[hidden])
        measured = len(points) > 0 and not mesh.is_empty
        distances_mm = 1000 * distance_to(points, mesh, REACH_M) if measured else np.empty(0)
        shows = depth_m > 0
        rows.append(
            {
                "frame": frame.name,
                "hidden": len(points),
                "distances_mm": distances_mm,
                "person": int(shows.sum()),
                "found": int((taken & shows).sum()),
                "other": int((taken & ~shows).sum()),
                "confidence": frame.confidence,
                "lost": bool(frame.lost),
                "seen_mm": frame.mean_distance_mm,
            }
        )
    return rows


def summed(rows: Sequence[Figures]) -> Figures:
    """The figures of several frames, or of one."""
    distances_mm = np.concatenate([row["distances_mm"] for row in rows])
    person, found, other = (sum(row[name] for row in rows) for name in ("person", "found", "other"))
    confidence = [row["confidence"] for row in rows if row["confidence"] is not None]
    return {
        "hidden": sum(row["hidden"] for row in rows),
        "median_mm": float(np.median(distances_mm)) if len(distances_mm) else float("nan"),
        "mean_mm": float(distances_mm.mean()) if len(distances_mm) else float("nan"),
        "near": float((distances_mm <= NEAR_MM).mean()) if len(distances_mm) else float("nan"),
        "found": found / person if person else float("nan"),
        "other": other / (found + other) if found + other else float("nan"),
        "confidence": float(np.mean(confidence)) if confidence else float("nan"),
        "lost": sum(row["lost"] for row in rows) / len(rows),
    }


def frame_picture(
    scene_m: NDArray[np.float32], taken: NDArray[np.bool_], body_m: NDArray[np.float32]
) -> NDArray[np.uint8]:
    """The depth (H, W) in grey, side by side with what is taken for the subject in blue and with the mesh in orange.

    The mesh is shown where it is not more than 10 cm behind what was seen; shades are those of its normals.
    """
    seen = scene_m > 0
    near, far = np.quantile(scene_m[seen], (0.01, 0.95)) if seen.any() else (0.0, 1.0)
    grey = np.where(seen, 235 - 190 * np.clip((scene_m - near) / max(far - near, 1e-3), 0, 1), 20)
    picture = np.repeat(grey[..., None], 3, axis=-1)
    marked = np.where(taken[..., None], 0.45 * picture + 0.55 * _SUBJECT, picture)
    slope = np.hypot(*np.gradient(np.where(body_m > 0, body_m, np.nan)))
    shade = np.nan_to_num(1 / np.sqrt(1 + (250 * slope) ** 2), nan=0.3)[..., None]
    drawn = (body_m > 0) & (~seen | (body_m < scene_m + 0.1))
    fitted = np.where(drawn[..., None], _BODY * (0.25 + 0.75 * shade), picture)
    return np.concatenate([picture, marked, fitted], axis=1).astype(np.uint8)


def write_pictures(run: Run, scene: DepthSequence, subject: DepthSequence, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for row, frame in enumerate(run.frames):
        scene_m, mesh = _frame(scene, frame.name), run.meshes.read(row)
        body_m = np.zeros_like(scene_m)
        if not mesh.is_empty and frame.camera_to_world is not None:
            body_m = render_depth(mesh.vertices, mesh.faces, scene.camera, frame.camera_to_world)
        picture = frame_picture(scene_m, _frame(subject, frame.name) > 0, body_m)
        Image.fromarray(picture).save(folder / f"{frame.name}.png")


def _frame(sequence: DepthSequence, name: str) -> NDArray[np.float32]:
    """Depth image (H, W) of the frame of that name; of one that the sequence lacks, nothing."""
    if name not in sequence.frame_names:
        return np.zeros((sequence.camera.height, sequence.camera.width), np.float32)
    return sequence.depth_m(sequence.frame_names.index(name))


def print_row(name: str, row: Figures) -> None:
    parts = "".join(
        f"{'-' if np.isnan(row[key]) else format(row[key], '.0%'):>8s}" for key in ("near", "found", "other")
    )
    said = f"{'-' if np.isnan(row['confidence']) else format(row['confidence'], '.2f'):>8s}{row['lost']:>8.0%}"
    print(f"{name[-24:]:24s}{row['hidden']:8d}{row['median_mm']:9.1f}{row['mean_mm']:9.1f}{parts}{said}", flush=True)


def measure(options: argparse.Namespace, out: Path) -> Figures:
    loaded = LoadedModel(options.model, load_model(options.model, resolve_device(options.device)))
    capture = stated(options)
    whole = open_recording(options.recording, registered_readers(), capture)
    scene = whole.subset(range(*options.frames.indices(len(whole))))
    shown = subject_of(without_hidden(scene, options.share, options.seed), capture, loaded.model)
    for warning in shown.warnings:
        print(f"warning: {warning.line(words)}")
    method = load_method("npm")
    fields: dict[str, Any] = {}
    set_fields(fields, stated_fields(options))
    config = read_config(method.config_type, fields)
    run = run_fit(FitRequest(method, config, shown, out, loaded, seed=options.seed, capture=capture))
    subject = subject_alone(subject_of(scene, capture, loaded.model), loaded.model)
    person = subject if options.person is None else isolate(whole, Isolation(masks=options.person))
    rows = frame_figures(run, scene, subject, person, options.share, options.seed)
    print(f"{loaded.model.info.name} on {describe_device(loaded.model.device)}; {shown.origin}")
    names = ("hidden", "median", "mean", "near", "found", "other", "conf.", "lost")
    widths = (8, 9, 9, 8, 8, 8, 8, 8)
    print(f"{'frame':24s}" + "".join(f"{name:>{width}s}" for name, width in zip(names, widths, strict=True)))
    for row in rows:
        print_row(row["frame"], summed([row]))
    total = summed(rows)
    print_row(f"all {len(rows)} frames", total)
    print(f"verdict: {run.verdict}: {run.reason}")
    if options.pictures:
        write_pictures(run, scene, subject, options.pictures)
    frames = [{"frame": row["frame"], "seen_mm": row["seen_mm"], **summed([row])} for row in rows]
    said = {"verdict": run.verdict, "reason": run.reason, "model": loaded.model.info.name, "origin": shown.origin}
    return {**said, "frames": frames, "total": total}


def _slice(text: str) -> slice:
    try:
        return slice(*(int(part) if part else None for part in text.split(":")))
    except (ValueError, TypeError):
        raise argparse.ArgumentTypeError(f"{text} is not START:STOP:STEP") from None


def main() -> int:
    prepare_process()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recording", type=Path, metavar="RECORDING", help="as `npm-studio fit` takes it")
    parser.add_argument("--model", type=model_path, default=model_path("anny-compact"))
    add_capture_options(parser)
    parser.add_argument("--frames", type=_slice, default=slice(None), metavar="START:STOP:STEP")
    parser.add_argument("--person", type=Path, metavar="MASKS", help="where the person is, which the fit is not told")
    parser.add_argument("--share", type=float, default=0.2, help="of the image that is hidden (default: 0.2)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--run", type=Path, help="keep the run here")
    parser.add_argument("--pictures", type=Path, metavar="FOLDER")
    parser.add_argument("--json", type=Path, metavar="FILE")
    add_method_fields(parser)
    options = parser.parse_args()
    results = measured(lambda work: measure(options, options.run or work / "run"), options.json)
    return 2 if results is None else 0


if __name__ == "__main__":
    sys.exit(main())
