"""How well people are fitted as a depth camera sees them: scenes with truth, fitted and measured.

    npm-studio dataset scene SCENES --set test
    python benchmarks/scenes.py SCENES --model anny-full [--only NAME ...] [--runs FOLDER] [--json FILE]

Without SCENES on disk, `--set SET` makes them there, on machines without the Anny model with `--people FILE`, which
benchmarks/scene_people.py has written elsewhere. Each scene is opened as `npm-studio fit` opens a recording, and
fitted with the model's defaults. Measured, in millimetres of the room, in frames that count (at least 60 % of the body
projects into the picture):

- surface: mean distance between fitted and true surface, mean of both directions, by exact distances of random points;
- match: mean correspondence error, from true vertices to the fitted point of the same canonical position;
- surface*, match*: the same once the scale error of the sensor (1 to 2 % of time of flight), which no fit can know, is
  taken out of the fit; bars are of the figures without a star;
- lost: frames whose surface is off by more than 40 mm or whose correspondences by more than 100 mm;
- height: of the fit in the canonical pose, less the true one;
- slide: speed, mm per second, of what stands still on the floor in truth; below: depth of the lowest point under it.

Said: the verdict, how many of the lost frames the program called lost itself (recall), how many of those that it
called lost were (precision), and its mean confidence. Frames of which there is no mesh are lost. Of several people all
are fitted, each run is compared with the one that it is of, and frames in which another one is nearer are counted as
swapped. The exit status is 1 when a bar of the model is missed.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from plain import measured
from scene_measures import SAMPLES, FrameErrors, SceneTruth, frame_errors, load_scene, scene_folders

from engine.core.devices import describe_device, resolve_device
from engine.core.errors import InputError
from engine.core.process import prepare_process
from engine.methods.job import run_fit
from engine.methods.method import LoadedModel, load_method
from engine.methods.request import FitRequest
from engine.methods.run import Run
from engine.models.checkpoint import load_model
from engine.sequences.capture_options import CaptureOptions
from engine.sequences.depth_sequence import DepthSequence
from engine.sequences.isolation import Isolation
from engine.sequences.opening import open_subject, open_subjects
from engine.sequences.reader import registered_readers
from npm_studio.resources import model_path
from npm_studio.suites.scenes import matched, plans_of, record_missing

Figures = dict[str, Any]
BARS = {"anny-full": (10.0, 25.0), "anny-compact": (12.0, 30.0)}
"""Largest mean surface distance and correspondence error in mm, by model."""
OBSTRUCTED_MM = 15.0
"""Largest mean surface distance where clothes, a box, a table or the arms are in between, of every model."""
OBSTRUCTED = ("holding-box", "behind-table", "arms-before-trunk", "two-cross")
LOST, HEIGHT_MM = 0.01, 30.0


def make_scenes(options: argparse.Namespace) -> None:
    """The scenes of a set that are not on disk yet."""
    plans = plans_of(options.scene_set, options.only or ())
    record_missing({options.scenes / name: plan for name, plan in plans.items()}, options.scenes, options.people)


def measure_scene(folder: Path, loaded: LoadedModel, options: argparse.Namespace, out: Path) -> list[Figures]:
    """Fit each subject of a scene and compare it with the truth: one row for each subject."""
    scene = load_scene(folder)
    masks = true_masks(scene, out / "masks") if options.true_masks else None
    isolation = Isolation(options.near, options.far, masks, options.remove_planes, options.largest_component)
    capture = CaptureOptions(isolation=isolation)
    several = len(scene.subjects) > 1 and masks is None
    clock = time.perf_counter()
    opened = open_subjects if several else _open_alone
    sequences = opened(folder, registered_readers(), capture, loaded.model)
    seconds = time.perf_counter() - clock
    method = load_method(options.method)
    runs, errors = [], []
    for number, sequence in enumerate(sequences, 1):
        chosen = replace(capture, subject=number if several else None)
        place = out / f"run-{number}" if several else out / "run"
        runs.append(run_fit(FitRequest(method, method.config_type(), sequence, place, loaded, capture=chosen)))
        everyone = range(len(scene.subjects))
        errors.append([frame_errors(runs[-1], sequence, scene, subject, options.samples) for subject in everyone])
    rows = []
    for number, subject in whose(errors):
        row = row_of(scene, runs[number], errors[number], subject)
        rows.append(row | {"seconds_open": seconds, "seconds_fit": runs[number].seconds})
    if several:
        seen = {row["subject"] for row in rows}
        missed = InputError(folder, "the subject was not found")
        rows += [refused_row(scene, missed, subject) for subject in range(len(scene.subjects)) if subject not in seen]
    return rows


def _open_alone(*what: Any) -> tuple[DepthSequence, ...]:
    return (open_subject(*what),)


def whose(errors: Sequence[Sequence[FrameErrors]]) -> list[tuple[int, int]]:
    """Runs and the subjects that they are of, by the ``errors`` of each run against each subject."""
    return matched(np.array([[each.surface_mm.mean() for each in run] for run in errors]))


def row_of(scene: SceneTruth, run: Run, errors: Sequence[FrameErrors], subject: int) -> Figures:
    """The figures of one run on a scene, which is of ``subject``. Frames that it lacks are lost, as it says."""
    surfaces = np.stack([each.surface_mm for each in errors])
    own = errors[subject]
    said = [bool(frame.lost) for frame in run.frames]
    confidence = [np.nan if frame.confidence is None else frame.confidence for frame in run.frames]
    frames = nothing_found(scene, subject)
    for name, values in {
        "surface_mm": own.surface_mm,
        "correspondence_mm": own.correspondence_mm,
        "rescaled_surface_mm": own.rescaled_surface_mm,
        "rescaled_correspondence_mm": own.rescaled_correspondence_mm,
        "lost": own.lost,
        "said_lost": said,
        "confidence": confidence,
        "slide_mm_per_s": own.slide_mm_per_s,
        "penetration_mm": own.penetration_mm,
        "swapped": surfaces.argmin(axis=0) != subject,
    }.items():
        frames[name][own.frames] = values
    found = {"height_mm": own.height_mm, "verdict": run.verdict, "reason": run.reason}
    return described(scene, subject, frames) | found | {"missing": len(scene.about["times_s"]) - len(own.frames)}


def refused_row(scene: SceneTruth, error: InputError, subject: int = 0) -> Figures:
    """The figures of a subject that the program refused: every frame is lost, and the program has said so."""
    frames = nothing_found(scene, subject)
    found = {"height_mm": float("nan"), "verdict": "refused", "reason": str(error)}
    return described(scene, subject, frames) | found | {"missing": len(frames["lost"])}


def nothing_found(scene: SceneTruth, subject: int) -> Figures:
    """Figures of all frames of a scene in which nothing was fitted."""
    count = len(scene.about["times_s"])
    distances = ("surface_mm", "correspondence_mm", "rescaled_surface_mm", "rescaled_correspondence_mm")
    unknown = (*distances, "confidence", "slide_mm_per_s", "penetration_mm")
    return {
        "counts": scene.counts(subject),
        **{name: np.full(count, np.nan) for name in unknown},
        **{name: np.ones(count, bool) for name in ("lost", "said_lost")},
        "swapped": np.zeros(count, bool),
    }


def described(scene: SceneTruth, subject: int, frames: Figures) -> Figures:
    plan = scene.about["plan"]
    return {
        "scene": scene.name,
        "motion": plan["motion"],
        "obstructed": plan["motion"] in OBSTRUCTED or plan["clothes_mm"] > 0,
        "subject": subject,
        "per_frame": frames,
        **means_of([frames]),
    }


def means_of(parts: Sequence[Figures]) -> Figures:
    """Means over the frames that count of several scenes."""

    def of(name: str) -> np.ndarray:
        return np.concatenate([np.asarray(part[name])[part["counts"]] for part in parts])

    lost, said = of("lost"), of("said_lost")
    return {
        "counted": len(lost),
        "surface_mm": _mean(of("surface_mm")),
        "correspondence_mm": _mean(of("correspondence_mm")),
        "rescaled_surface_mm": _mean(of("rescaled_surface_mm")),
        "rescaled_correspondence_mm": _mean(of("rescaled_correspondence_mm")),
        "lost": _mean(lost),
        "slide_mm_per_s": _mean(of("slide_mm_per_s")),
        "penetration_mm": _mean(of("penetration_mm")),
        "deepest_mm": float(np.nan_to_num(of("penetration_mm")).max(initial=0.0)),
        "swapped": int(of("swapped").sum()),
        "confidence": _mean(of("confidence")),
        "said_lost": _mean(said),
        "recall": _mean(said[lost]),
        "precision": _mean(lost[said]),
    }


def totals_of(rows: Sequence[Figures]) -> Figures:
    """Over all frames, and over those with nothing and with something in between."""
    groups = {
        "all": list(rows),
        "plain": [row for row in rows if not row["obstructed"]],
        "obstructed": [row for row in rows if row["obstructed"]],
    }
    return {
        name: means_of([row["per_frame"] for row in group])
        | {"scenes": len(group), "height_mm": _mean(np.sort(np.abs([row["height_mm"] for row in group]))[-1:])}
        for name, group in groups.items()
        if group
    }


def against_bars(totals: Figures, model: str) -> list[Figures]:
    """One row per bar of a model, none where it has no bars."""
    if model not in BARS:
        return []
    surface, match = BARS[model]
    wanted = [("all", "correspondence_mm", match), ("all", "lost", LOST), ("all", "height_mm", HEIGHT_MM)]
    wanted += [("plain", "surface_mm", surface), ("obstructed", "surface_mm", OBSTRUCTED_MM)]
    return [
        {"of": group, "figure": name, "value": totals[group][name], "limit": limit}
        | {"passed": bool(totals[group][name] <= limit)}
        for group, name, limit in wanted
        if group in totals
    ]


def true_masks(scene: SceneTruth, out: Path) -> Path:
    """Masks of the first subject as it would be seen without noise, to tell finding it from fitting it."""
    from PIL import Image

    out.mkdir(parents=True, exist_ok=True)
    for path in sorted((scene.folder / "truth" / "labels").glob("*.png")):
        own = np.asarray(Image.open(path)) == 1
        Image.fromarray(own.astype(np.uint8) * 255).save(out / path.name)
    return out


def print_row(name: str, row: Figures) -> None:
    said = f"{row.get('verdict') or '-':8s}{_percent(row['said_lost'])} {_percent(row['recall'])}"
    seconds = f"{row['seconds_fit']:6.1f}" if "seconds_fit" in row else ""
    print(
        f"{name:24s}{row['counted']:5d}{row['surface_mm']:9.1f}{row['correspondence_mm']:8.1f}"
        f"{row['rescaled_surface_mm']:9.1f}{row['rescaled_correspondence_mm']:7.1f}  {_percent(row['lost'])}"
        f"{row['height_mm']:8.0f}{row['slide_mm_per_s']:8.0f}{row['penetration_mm']:6.0f}{row['deepest_mm']:6.0f}"
        f"{row['swapped']:5d}  {said} {_percent(row['precision'])}{_percent(row['confidence']):>6s}{seconds}",
        flush=True,
    )


def print_header() -> None:
    print(
        f"{'scene':24s}{'count':>5s}{'surface':>9s}{'match':>8s}{'surface*':>9s}{'match*':>7s}{'lost':>6s}{'height':>8s}{'slide':>8s}{'below':>6s}"
        f"{'most':>6s}{'swap':>5s}  {'verdict':8s}said recall prec. conf. seconds"
    )


def _percent(part: float) -> str:
    return "   -" if np.isnan(part) else f"{part:4.0%}"


def _mean(values: np.ndarray) -> float:
    known = values[~np.isnan(values)] if values.dtype.kind == "f" else values
    return float(known.mean()) if len(known) else float("nan")


def measure(options: argparse.Namespace, work: Path) -> Figures:
    if options.scene_set:
        make_scenes(options)
    loaded = LoadedModel(options.model, load_model(options.model, resolve_device(options.device)))
    machine = describe_device(loaded.model.device)
    print(f"{loaded.model.info.name} on {machine}; mm, frames that count")
    print_header()
    rows: list[Figures] = []
    for folder in scene_folders(options.scenes):
        if options.only and folder.name not in options.only:
            continue
        try:
            found = measure_scene(folder, loaded, options, work / folder.name)
        except InputError as error:
            print(f"{folder.name} refused: {error}", flush=True)
            found = [refused_row(load_scene(folder), error)]
        for row in found:
            print_row(folder.name if len(found) == 1 else f"{folder.name} {row['subject'] + 1}", row)
        rows += found
    totals = totals_of(rows)
    for name, total in totals.items():
        print_row(f"{name} ({total['scenes']} scenes)", total)
    bars = against_bars(totals, loaded.model.info.name)
    for bar in bars:
        word = "pass" if bar["passed"] else "FAIL"
        print(f"{word}  {bar['of']:10s} {bar['figure']:18s} {bar['value']:.3g} (bar {bar['limit']:g})")
    return {
        "model": loaded.model.info.name,
        "machine": machine,
        "scenes": rows,
        "totals": totals,
        "bars": bars,
    }


def main() -> int:
    prepare_process()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenes", type=Path, metavar="SCENES", help="a scene, or a folder of them")
    parser.add_argument("--set", dest="scene_set", help="make the scenes of this set there first, where they are not")
    parser.add_argument("--people", type=Path, metavar="FILE", help="bodies of these scenes, by scene_people.py")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="of these scenes alone")
    parser.add_argument("--model", type=model_path, default=model_path("anny-full"))
    parser.add_argument("--method", default="npm")
    parser.add_argument("--near", type=float)
    parser.add_argument("--far", type=float)
    parser.add_argument("--remove-planes", action="store_true")
    parser.add_argument("--largest-component", action="store_true")
    parser.add_argument("--true-masks", action="store_true", help="the subject is told apart by the truth")
    parser.add_argument("--samples", type=int, default=SAMPLES, help="points of each surface")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--runs", type=Path, help="keep the runs here")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    results = measured(lambda work: measure(options, options.runs or work), options.json)
    if results is None:
        return 2
    return 0 if all(bar["passed"] for bar in results["bars"]) else 1


if __name__ == "__main__":
    sys.exit(main())
