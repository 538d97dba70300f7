"""`npm-studio dataset scene`: depth recordings of people in rooms, with truth, to measure a fit on."""

import argparse
import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from npm_studio.cli.console import ConsoleProgress, add_device, add_json, add_seed, interrupted
from npm_studio.cli.workers import add_workers, check_folder, stated_workers

if TYPE_CHECKING:
    from external.scenes.plan import ScenePlan

_EPILOG = """A scene is a depth sequence folder with its truth in metres (truth/) and scene.json, which tells all that
is known of it. The same options and seed give the same scene. With --set, OUT gets a folder for each scene of a set of
configs/scenes.yaml, made by all cores of this machine unless --workers or --scheduler is stated, and options for a
single one do not apply. What is done is kept: the same command makes what is missing, or has changed. See
docs/cluster.md."""


def configure_scene(parser: argparse.ArgumentParser) -> None:
    from external.scenes.plan import CameraKind, ScenePlan, SensorName

    usual = {field.name: field.default for field in dataclasses.fields(ScenePlan)}

    def add(name: str, kind: type, what: str) -> None:
        flag = f"--{name.replace('_', '-')}"
        shown = "" if usual[name] is None else f" (default: {usual[name]:g})"
        parser.add_argument(
            flag, type=kind, default=usual[name], metavar="N" if kind is int else "X", help=what + shown
        )

    parser.epilog = _EPILOG
    parser.add_argument("out", type=Path, metavar="OUT", help="folder to write; a scene there is replaced")
    parser.add_argument("--set", dest="scene_set", metavar="SET", help="scenes of a set: test, development, ...")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these scenes of the set only")
    parser.add_argument("--sets", type=Path, metavar="FILE", help="sets of your own (default: configs/scenes.yaml)")
    parser.add_argument(
        "--motion", default="walk-towards", metavar="M", help="a motion, or a BVH file (default: walk-towards)"
    )
    add("frames", int, "number of frames; motion capture may have fewer")
    add("fps", float, "frames per second")
    add("start_s", float, "seconds of motion capture to pass over")
    add("turn", float, "degrees by which the motion is turned to the left")
    sensor = "whose picture and noise: structured light, time of flight, stereo (default: kinect)"
    parser.add_argument("--sensor", choices=get_args(SensorName), default=usual["sensor"], help=sensor)
    parser.add_argument("--no-noise", dest="noise", action="store_false", help="depth as it is")
    add("distance", float, "metres from the camera to the middle of the path")
    add("tilt", float, "degrees by which the camera looks down")
    add("wall", float, "metres from the path to the wall behind it")
    add("furniture", int, "pieces of furniture at the edges of the picture")
    add("floor_strip", float, "part of the picture that shows the floor; the tilt follows from it")
    parser.add_argument("--child", action="store_true", help="a child instead of an adult")
    add("clothes_mm", float, "farthest distance of clothes from the skin")
    camera = "what it does, and says of its pose (default: still, which says nothing)"
    parser.add_argument("--camera", choices=get_args(CameraKind), default=usual["camera"], help=camera)
    add("intrinsics_error", float, "by which part the stated focal lengths are too long")
    add_workers(parser, "with --set, ", "one for each core, without Dask")
    add_seed(parser)
    add_device(parser)
    add_json(parser)


def run_scene(options: argparse.Namespace) -> dict[str, Any]:
    from engine.core.devices import resolve_device

    device, plans = str(resolve_device(options.device)), _plans(options)
    return _run_set(options, plans, device) if options.scene_set else _run_one(options.out, plans[options.out], device)


def _run_one(out: Path, plan: "ScenePlan", device: str) -> dict[str, Any]:
    from npm_studio.batch.scenes import make_recording

    with ConsoleProgress() as progress:
        progress.stage("body model", 1)
        made = make_recording(out, dataclasses.asdict(plan), device, progress=progress)
        progress.message(f"{out}: {made['frames']} frames of {plan.motion}")
    return {"out": str(out), "scenes": {str(out): dataclasses.asdict(plan) | made}}


def _run_set(options: argparse.Namespace, plans: "Mapping[Path, ScenePlan]", device: str) -> dict[str, Any]:
    from engine.core.errors import InputError
    from npm_studio.batch.running import run_tasks
    from npm_studio.batch.scenes import scene_tasks
    from npm_studio.batch.workers import every_core

    stated = options.scheduler is not None or options.workers is not None
    workers = stated_workers(options) if stated else every_core()
    check_folder(options.out)
    with ConsoleProgress() as progress:
        outcomes = run_tasks(scene_tasks(plans, device=device), options.out, workers, progress)
        ended = dict(zip(plans, outcomes, strict=True))
        done = {out: outcome for out, outcome in ended.items() if outcome.state in ("done", "kept")}
        for out, outcome in done.items():
            progress.message(f"{out}: {outcome.result['frames']} frames of {plans[out].motion}")
    scenes = {str(out): dataclasses.asdict(plans[out]) | dict(outcome.result) for out, outcome in done.items()}
    results = {"out": str(options.out), "scenes": scenes}
    failed = [outcome.error for outcome in outcomes if outcome.error is not None]
    if failed and not interrupted():
        if options.json:
            print(json.dumps(results))
        what = f"{len(failed)} of {len(plans)} scenes are not made, the first: {failed[0].line()}"
        raise InputError(options.out, what, "correct what is wrong and start again: what is done is kept")
    return results


def _plans(options: argparse.Namespace) -> "dict[Path, ScenePlan]":
    """Plans by the folders that they are written to."""
    from engine.core.errors import InputError
    from external.scenes.plan import ScenePlan, checked_plan
    from external.scenes.sets import load_scene_sets
    from npm_studio.resources import scene_sets

    if options.scene_set is None:
        if options.only or options.sets:
            raise InputError("--only and --sets", "are of no use without --set", "name a set with --set")
        if options.scheduler is not None or options.workers is not None:
            raise InputError("--workers and --scheduler", "are of no use for a single scene", "name a set with --set")
        values = {field.name: getattr(options, field.name) for field in dataclasses.fields(ScenePlan)}
        return {options.out: checked_plan(values)}
    sets = load_scene_sets(options.sets or scene_sets())
    if options.scene_set not in sets:
        raise InputError(f"--set {options.scene_set}", "there is no such set", f"choose from {', '.join(sets)}")
    plans = sets[options.scene_set]
    for name in options.only or ():
        if name not in plans:
            raise InputError(f"--only {name}", f"is no scene of {options.scene_set}", f"choose from {', '.join(plans)}")
    return {options.out / name: plan for name, plan in plans.items() if not options.only or name in options.only}
