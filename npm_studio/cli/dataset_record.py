"""`npm-studio dataset scene`: depth recordings of people in rooms, with truth, to measure a fit on."""

import argparse
import dataclasses
from pathlib import Path
from typing import Any, get_args

from npm_studio.cli.console import ConsoleProgress, add_device, add_json, add_seed

_EPILOG = """A scene is a depth sequence folder with its truth in metres (truth/) and scene.json, which tells all that
is known of it. The same options and seed give the same scene."""


def configure_scene(parser: argparse.ArgumentParser) -> None:
    from external.scenes.plan import CameraKind, ScenePlan, SensorName

    usual = {field.name: field.default for field in dataclasses.fields(ScenePlan)}

    def add(name: str, kind: type, what: str) -> None:
        flag = f"--{name.replace('_', '-')}"
        shown = "" if usual[name] is None else f" (default: {usual[name]:g})"
        letter = "N" if kind is int else "X"
        parser.add_argument(flag, type=kind, default=usual[name], metavar=letter, help=what + shown)

    parser.epilog = _EPILOG
    parser.add_argument("out", type=Path, metavar="OUT", help="scene folder to write; a scene there is replaced")
    parser.add_argument("--motion", default="walk-towards", metavar="M", help="what is done (default: walk-towards)")
    add("frames", int, "number of frames")
    add("fps", float, "frames per second")
    parser.add_argument(
        "--sensor",
        choices=get_args(SensorName),
        default=usual["sensor"],
        help="whose picture and noise (default: kinect)",
    )
    parser.add_argument("--no-noise", dest="noise", action="store_false", help="depth as it is")
    add("distance", float, "metres from the camera to the middle of the path")
    add("tilt", float, "degrees by which the camera looks down")
    add("wall", float, "metres from the path to the wall behind it")
    add("furniture", int, "pieces of furniture at the edges of the picture")
    add("floor_strip", float, "part of the picture that shows the floor; the tilt follows from it")
    parser.add_argument("--child", action="store_true", help="a child instead of an adult")
    add("clothes_mm", float, "farthest distance of clothes from the skin")
    parser.add_argument(
        "--camera",
        choices=get_args(CameraKind),
        default=usual["camera"],
        help="what it does, and says of its pose (default: still, which says nothing)",
    )
    add("intrinsics_error", float, "by which part the stated focal lengths are too long")
    add_seed(parser)
    add_device(parser)
    add_json(parser)


def run_scene(options: argparse.Namespace) -> dict[str, Any]:
    from engine.core.devices import resolve_device
    from external.scenes.people import anny_casting, people_of
    from external.scenes.plan import ScenePlan, checked_plan
    from external.scenes.recording import record
    from external.scenes.scene import make_scene

    device = resolve_device(options.device)
    plan = checked_plan({field.name: getattr(options, field.name) for field in dataclasses.fields(ScenePlan)})
    with ConsoleProgress() as progress:
        progress.stage("body model", 1)
        scene = make_scene(plan, people_of(plan, anny_casting()))
        record(scene, options.out, device, progress)
        progress.message(f"{options.out}: {plan.frames} frames of {plan.motion}")
    return {"out": str(options.out), **dataclasses.asdict(plan)}
