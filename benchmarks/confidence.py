"""Whether a fit knows where it is lost: fits made worse on purpose, a confidence chosen on them, and its test.

    python benchmarks/confidence.py collect SCENES OUT.json --set development --model anny-full [--people FILE]
    python benchmarks/confidence.py fit DEVELOPMENT.json ...
    python benchmarks/confidence.py test STRESS.json ...

`collect` makes the scenes of a set at five frames per second in SCENES where they are not yet, those of the development
set a second time from five metres away. Each is read once and fitted once for each weakening of
benchmarks/weakened_fit.py. OUT.json gets, of each run and frame, what `engine.methods.npm.agreement` and
`engine.methods.distances` measure, and how far the fit is from the truth (see benchmarks/scenes.py): about 50 kB
for a scene. `--part 2/8` does every eighth scene from the second on, so that several processes share the work.

`fit` chooses what `engine.methods.npm.confidence` has as constants: the weights of its measures and the threshold below
which frames are called lost. It prints them, and how well they do on scenes that were left out. Scenes whose sensor
errs in scale have no say: what is lost by that alone no measure can see.

`test` applies the confidence of this checkout to what was collected: how many of the lost frames are called lost
(recall) and how many of those called lost are (precision), with 95 % intervals by drawing scenes anew, how often frames
of each confidence are lost, and how many of the runs whose surface is nearer than 15 mm are called good. The exit
status is 1 when a bar is missed. Frames count as in benchmarks/scenes.py.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from calibration import Collected, choose, collected, print_reliability, print_scores, scores, told_good
from plain import plain
from scene_measures import SceneTruth, frame_errors, load_scene
from weakened_fit import WEAKENINGS, WeakenedNpm, measured, rounded, subject_seen

from engine.core.devices import describe_device, resolve_device
from engine.core.errors import InputError
from engine.core.files import read_json, write_json
from engine.core.process import prepare_process
from engine.core.progress import Progress
from engine.methods.job import run_fit
from engine.methods.method import LoadedModel
from engine.methods.npm.config import FitConfig
from engine.methods.npm.sides import observe_side
from engine.methods.request import FitRequest
from engine.models.checkpoint import load_model
from engine.sequences.capture_options import AS_RECORDED
from engine.sequences.opening import open_subject
from engine.sequences.reader import registered_readers
from external.scenes.plan import ScenePlan
from npm_studio.batch.workers import Workers
from npm_studio.resources import model_path, scene_sets
from npm_studio.suites.scenes import record_missing

Figures = dict[str, Any]
FRAMES_PER_SECOND, FAR_M = 5.0, 5.0
RECALL, PRECISION, FEWEST_LOST, GOOD = 0.95, 0.8, 200, 0.9
SAMPLES, RESOLUTION = 2000, 112
"""Points of each surface, and grid of the fitted one: frames are told apart, not millimetres."""


def plans_of(scene_set: str) -> dict[str, ScenePlan]:
    """The scenes of a set, seldom enough; of development also from far away."""
    from external.scenes.sets import load_scene_sets

    sets = load_scene_sets(scene_sets())
    if scene_set not in ("development", "stress"):
        raise InputError(f"--set {scene_set}", "is not for this", "choose development or stress")
    plans = {name: seldom(plan) for name, plan in sets[scene_set].items()}
    if scene_set == "development":
        plans |= {f"{name}-far": replace(plan, distance=FAR_M) for name, plan in plans.items()}
    return plans


def seldom(plan: ScenePlan) -> ScenePlan:
    """The same motion with fewer frames."""
    count = max(1, round(plan.frames * FRAMES_PER_SECOND / plan.fps))
    return replace(plan, fps=FRAMES_PER_SECOND, frames=count) if plan.fps > FRAMES_PER_SECOND else plan


def collect_scene(scene: SceneTruth, loaded: LoadedModel, names: Sequence[str], work: Path) -> list[Figures]:
    """One row for each weakening."""
    sequence = open_subject(scene.folder, registered_readers(), AS_RECORDED, loaded.model)
    sided = observe_side(sequence, loaded.model, "auto", 0, Progress())
    subject = subject_seen(sided, loaded.model)
    rows, own = [], None
    for name in names:
        weakening = WEAKENINGS[name]
        config = FitConfig(resolution=RESOLUTION, **weakening.settings)
        method = WeakenedNpm(sided, weakening)
        request = FitRequest(method, config, sequence, work / "run", loaded, seed=scene.about["plan"]["seed"])
        run = run_fit(request)
        everyone = range(len(scene.subjects)) if own is None else [own]
        errors = {each: frame_errors(run, sequence, scene, each, SAMPLES) for each in everyone}
        own = min(errors, key=lambda each: float(errors[each].surface_mm.mean()))
        row = measured(run, subject)
        row["frames"] |= {
            "counts": scene.counts(own)[errors[own].frames],
            "lost": errors[own].lost,
            "surface_mm": errors[own].surface_mm,
            "correspondence_mm": errors[own].correspondence_mm,
        }
        about = {"scene": scene.name, "weakening": name, "sensor_scale": scene.sensor_scale}
        rows.append(about | row)
        _print_row(rows[-1])
    return rows


def _print_row(row: Figures) -> None:
    frames, counts = row["frames"], row["frames"]["counts"]
    lost, sure = frames["lost"][counts], np.array(frames["confidence"], float)[counts]
    means = [f"{values.mean():.2f}" if len(values) else "-" for values in (sure[lost], sure[~lost])]
    surface = f"{frames['surface_mm'][counts].mean():.1f} mm" if counts.any() else ""
    print(
        f"{row['scene']:24s}{row['weakening']:20s}{counts.sum():4d} frames{lost.sum():4d} lost {surface:>9s}"
        f"  sure {means[0]:>4s} of those, {means[1]:>4s} of others  {row['verdict']}: {row['reason']}",
        flush=True,
    )


def collect(options: argparse.Namespace) -> None:
    plans = plans_of(options.scene_set)
    part, parts = map(int, options.part.split("/"))
    chosen = sorted(name for name in plans if not options.only or name in options.only)[part - 1 :: parts]
    wanted = {options.scenes / name: plans[name] for name in chosen}
    record_missing(wanted, options.scenes, options.people, Workers(count=0))
    loaded = LoadedModel(options.model, load_model(options.model, resolve_device(options.device)))
    about = {"set": options.scene_set, "model": loaded.model.info.name, "machine": describe_device(loaded.model.device)}
    rows: list[Figures] = []
    with tempfile.TemporaryDirectory() as work:
        for name in chosen:
            try:
                rows += collect_scene(load_scene(options.scenes / name), loaded, options.weakenings, Path(work))
            except InputError as error:
                print(f"{name} refused: {error}", flush=True)
            write_json(options.out, plain(rounded({**about, "runs": rows})))  # so that nothing is lost on the way


def load(paths: Sequence[Path], true_scale: bool = False) -> Collected:
    """All that was collected in files, or only where the sensor is right in scale.

    Raises:
        InputError: that is nothing.
    """
    parts = [read_json(path, "collect it first") for path in paths]
    if true_scale:
        parts = [part | {"runs": [run for run in part["runs"] if run["sensor_scale"] == 1]} for part in parts]
    if not any(part["runs"] for part in parts):
        what = " of sensors that are right in scale" if true_scale else ""
        raise InputError(", ".join(map(str, paths)), f"has no runs{what}", "collect more scenes")
    return collected(parts)


def fit(options: argparse.Namespace) -> int:
    choose(load(options.files, true_scale=True))
    return 0


def test(options: argparse.Namespace) -> int:
    data = load(options.files)
    found = scores(data)
    print_scores(found)
    print_reliability(data)
    good = told_good(data)
    bars = [
        ("lost frames", found.lost, FEWEST_LOST),
        ("recall", found.recall, RECALL),
        ("precision", found.precision, PRECISION),
        ("good of those under 15 mm", good, GOOD),
    ]
    for name, value, bar in bars:
        print(f"{'pass' if value >= bar else 'FAIL'}  {name} {value:.4g} (bar {bar:g})")
    return 0 if all(value >= bar for _, value, bar in bars) else 1


def main() -> int:
    prepare_process()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    steps = parser.add_subparsers(dest="step", required=True)
    collecting = steps.add_parser("collect")
    collecting.add_argument("scenes", type=Path, metavar="SCENES")
    collecting.add_argument("out", type=Path, metavar="OUT.json")
    collecting.add_argument("--set", dest="scene_set", required=True)
    collecting.add_argument("--people", type=Path, metavar="FILE", help="their bodies, by scene_people.py")
    collecting.add_argument("--only", nargs="+", metavar="NAME")
    collecting.add_argument("--part", default="1/1", metavar="I/N")
    collecting.add_argument("--weakenings", nargs="+", choices=list(WEAKENINGS), default=list(WEAKENINGS))
    collecting.add_argument("--model", type=model_path, default=model_path("anny-full"))
    collecting.add_argument("--device", default="auto")
    for name in ("fit", "test"):
        steps.add_parser(name).add_argument("files", nargs="+", type=Path, metavar="COLLECTED.json")
    options = parser.parse_args()
    try:
        if options.step == "collect":
            collect(options)
            return 0
        return fit(options) if options.step == "fit" else test(options)
    except InputError as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
