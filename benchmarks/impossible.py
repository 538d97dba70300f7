"""Whether a fit of what cannot be fitted says so: fifty inputs of which at most one may be called good.

    python benchmarks/impossible.py [--half development | other] [--only WORD ...] [--model anny-full] [--people FILE]

The inputs, each of a few frames, are made here: the hand model on people, the body model on hands, rooms with nobody in
them, people whose depth has a wrong unit, furniture and round things where a person should be, people of whom one half
is missing, and what is no picture at all. Those of the half `development` come from scenes of the development set,
and rules may be tuned on them; the others come from scenes of the stress set.

Printed are the verdict, the mean confidence and the reason. The exit status is 1 when more than one is
called good. To refuse an input is as well as to call its fit poor or failed.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from plain import plain
from weakened_fit import WEAKENINGS, WeakenedNpm, measured, rounded, subject_seen

from engine.core.devices import resolve_device
from engine.core.errors import InputError
from engine.core.files import write_json
from engine.core.process import prepare_process
from engine.core.progress import Progress
from engine.geometry.camera import PinholeCamera, transform_points
from engine.geometry.depth import point_image
from engine.geometry.ray_casting import DepthRenderer
from engine.methods.job import run_fit
from engine.methods.method import FitMethod, LoadedModel, load_method
from engine.methods.npm.config import FitConfig
from engine.methods.npm.sides import observe_side
from engine.methods.request import FitRequest
from engine.models.checkpoint import load_model
from engine.models.model import NeuralParametricModel
from engine.sequences.capture_options import AS_RECORDED
from engine.sequences.depth_sequence import DepthSequence
from engine.sequences.opening import subject_of
from engine.surface.extract import extract_surface, pose_vertices
from external.scenes.people import Cast, anny_casting, people_of, stored_casting
from external.scenes.plan import ScenePlan
from external.scenes.rendering import SceneRenderer, Seen
from external.scenes.scene import Scene, make_scene
from external.scenes.sensing import sensor_of
from external.scenes.sets import load_scene_sets
from external.scenes.solids import Solid, box, chair, cupboard, table, together
from npm_studio.resources import model_path, scene_sets

Depths = list[NDArray[np.float32]]
FRAMES, FRAMES_PER_SECOND, RESOLUTION, MOST_GOOD = 4, 5.0, 128, 1
FACTORS = 1000.0, 0.001, 5.0, 0.2
"""Of depth whose unit is wrong."""
HAND_CAMERA = PinholeCamera(640, 480, 582.0, 582.0, 320.0, 240.0)
HALVES = {"development": "development", "other": "stress"}
"""And the sets of their scenes."""
SCENES = {
    "development": ("standing", "across", "crouching", "spin-child", "kicking"),
    "other": ("towards", "close", "kicking", "arms", "spin"),
}


@dataclass(frozen=True, eq=False)
class Impossible:
    """A recording, and what is fitted to it."""

    name: str
    hand: bool
    """Whether the model of hands is fitted, and not that of bodies"""
    sequence: Callable[[], DepthSequence]


@dataclass(frozen=True, eq=False)
class Filmed:
    """A scene with a person, and what its camera saw with and without them."""

    scene: Scene
    seen: list[Seen]
    depths: Depths
    empty: Depths
    """The room alone."""

    def recorded(self, depths: Depths) -> DepthSequence:
        return recording(depths, self.scene.view.camera)


def recording(depths: Depths, camera: PinholeCamera) -> DepthSequence:
    """A recording that lies nowhere, of a camera that says nothing of where it is."""
    names = tuple(f"{index:06d}" for index in range(len(depths)))
    times_s = np.arange(len(depths)) / FRAMES_PER_SECOND
    return DepthSequence("impossible", Path("impossible"), camera, names, times_s, lambda index: depths[index])


def filmed(plan: ScenePlan, cast: Cast) -> Filmed:
    scene = make_scene(replace(plan, frames=FRAMES, fps=FRAMES_PER_SECOND), people_of(plan, cast))
    sense, _ = sensor_of(scene)
    renderer = SceneRenderer(scene.view, scene.people[0].rig.faces, len(scene.people), scene.room)
    bodies = [[scene.vertices(subject, frame) for subject in range(len(scene.people))] for frame in range(FRAMES)]
    seen = [renderer.render(frame, each, [one.at(frame) for one in scene.carried]) for frame, each in enumerate(bodies)]
    return Filmed(scene, seen, [sense(view, frame) for frame, view in enumerate(seen)], room_with(scene, []))


def room_with(scene: Scene, things: Sequence[Solid]) -> Depths:
    """What the camera of ``scene`` sees with ``things`` in its room in place of the people."""
    everything, sense = together([scene.room, *things]), sensor_of(scene)[0]
    renderer = DepthRenderer(everything.faces, scene.view.camera)
    depths = []
    for frame in range(FRAMES):
        depth = np.asarray(renderer.render(everything.vertices.astype(np.float32), scene.view.poses[frame]))
        nobody = np.full(depth.shape, -1)
        depths.append(sense(Seen(depth, nobody.astype(np.int32), nobody.astype(np.int16), (), ()), frame))
    return depths


def revolved(profile: Sequence[tuple[float, float]], around: int = 24) -> Solid:
    """A surface of revolution about the vertical through pairs of radius and height, metres, from below upwards."""
    angles = np.linspace(0, 2 * np.pi, around, endpoint=False)
    rings = [np.stack([r * np.sin(angles), np.full(around, y), r * np.cos(angles)], axis=1) for r, y in profile]
    first, after = np.arange(around), (np.arange(around) + 1) % around
    faces = []
    for ring in range(len(profile) - 1):
        low, high = ring * around, (ring + 1) * around
        faces += [np.stack([low + first, low + after, high + after], 1)]
        faces += [np.stack([low + first, high + after, high + first], 1)]
    return Solid(np.concatenate(rings), np.concatenate(faces).astype(np.int32))


def sphere(radius: float, bottom: float = 0.0) -> Solid:
    turns = np.linspace(0, np.pi, 13)
    return revolved([(float(radius * np.sin(t)), float(bottom + radius * (1 - np.cos(t)))) for t in turns])


def things() -> dict[str, list[Solid]]:
    """What stands where a person should be."""

    def upright(width: float, height: float, depth: float, x: float = 0.0, bottom: float = 0.0) -> Solid:
        return box(np.array([width, height, depth]), np.array([x, bottom, 0.0]))

    return {
        "a chair": [chair(0.45, 0.45, 0.45, 0.95)],
        "a cylinder": [revolved([(0.0, 0.0), (0.2, 0.0), (0.2, 1.7), (0.0, 1.7)])],
        "a table": [table(1.2, 0.7, 0.75)],
        "a snowman": [sphere(0.4), sphere(0.28, 0.75), sphere(0.17, 1.25)],
        "a cupboard": [cupboard(0.8, 0.5, 1.8)],
        "a pile of boxes": [upright(0.5, 0.6, 0.4), upright(0.35, 0.5, 0.35, 0.05, 0.6)],
        "a ball": [sphere(0.5)],
        "a post with a crossbar": [upright(0.12, 1.7, 0.12), upright(1.5, 0.1, 0.1, 0.0, 1.3)],
        "a cone": [revolved([(0.0, 0.0), (0.4, 0.0), (0.0, 1.6)])],
        "two posts": [upright(0.15, 1.6, 0.15, x) for x in (-0.2, 0.2)],
    }


def alone(film: Filmed) -> Depths:
    """The person without the room."""
    pairs = zip(film.seen, film.depths, strict=True)
    return [np.where(view.subject >= 0, depth, np.float32(0)) for view, depth in pairs]


def scaled(factor: float, film: Filmed) -> Depths:
    return [(factor * depth).astype(np.float32) for depth in film.depths]


def nothing(half: str, near: float, far: float) -> DepthSequence:
    """Depths at random between ``near`` and ``far`` metres."""
    random, shape = np.random.default_rng(len(half)), (HAND_CAMERA.height, HAND_CAMERA.width)
    return recording([random.uniform(near, far, shape).astype(np.float32) for _ in range(FRAMES)], HAND_CAMERA)


def halved(upper: bool, hole: bool, film: Filmed) -> Depths:
    """A person of whom only the ``upper`` or the lower half is there; beyond it the room, or a ``hole``."""
    depths = []
    for frame, (view, depth) in enumerate(zip(film.seen, film.depths, strict=True)):
        body = film.scene.vertices(0, frame)[:, 1]
        waist = (float(body.min()) + float(body.max())) / 2
        points = transform_points(film.scene.view.poses[frame], point_image(view.depth_m, film.scene.view.camera))
        gone = (view.subject == 0) & ((points[..., 1] < waist) == upper)
        behind = np.float32(0) if hole else film.empty[frame]
        depths.append(np.where(gone, behind, depth).astype(np.float32))
    return depths


def hands(model: NeuralParametricModel, number: int, half: str) -> DepthSequence:
    """A hand that the hand model has learned, half a metre before a wall."""
    assert model.pose_codes is not None
    random = np.random.default_rng((number, len(half)))
    shape = model.shape_codes[int(random.integers(len(model.shape_codes)))]
    mesh, camera = extract_surface(model, shape, 96), HAND_CAMERA
    renderer, pose = DepthRenderer(mesh.faces, camera), np.eye(4)
    depths = []
    for number in random.integers(len(model.pose_codes), size=FRAMES):
        posed = model.info.similarity.to_world(
            pose_vertices(model, shape, model.pose_codes[int(number)], mesh.vertices)
        )
        away = posed - posed.mean(0) + np.array([random.uniform(-0.03, 0.03), 0.0, 0.5])
        depth = np.asarray(renderer.render(away.astype(np.float32), pose))
        depths.append(np.where(depth > 0, depth, np.float32(1.0)))
    return recording(depths, camera)


def inputs_of(half: str, cast: Cast, hand_model: NeuralParametricModel) -> Iterator[Impossible]:
    """Twenty-five inputs."""
    plans, names = load_scene_sets(scene_sets())[HALVES[half]], SCENES[half]
    film = cache(lambda name: filmed(plans[name], cast))
    first, second, third, *_ = names

    def of(name: str, depths: Callable[[Filmed], Depths]) -> Callable[[], DepthSequence]:
        return lambda: film(name).recorded(depths(film(name)))

    for name in (first, second):
        yield Impossible(f"hand model on {name}", True, of(name, lambda film: film.depths))
    yield Impossible(f"hand model on {third}, isolated", True, of(third, alone))
    for number in range(3):
        yield Impossible(f"body model on hand {number + 1}", False, partial(hands, hand_model, number, half))
    for name in names[:4]:
        yield Impossible(f"empty room of {name}", False, of(name, lambda film: film.empty))
    for number, (what, solids) in enumerate(things().items()):
        if number % 2 == list(HALVES).index(half):
            name = names[number % len(names)]
            yield Impossible(what, False, of(name, lambda film, solids=solids: room_with(film.scene, solids)))  # type: ignore[misc]
    for name, factor in zip(names, FACTORS, strict=False):
        yield Impossible(f"{name}, depth times {factor:g}", False, of(name, partial(scaled, factor)))
    for name, (upper, hole) in zip(names, product((True, False), repeat=2), strict=False):
        text = f"{'upper' if upper else 'lower'} half of {name}, {'a hole' if hole else 'the room'} beyond"
        yield Impossible(text, False, of(name, partial(halved, upper, hole)))
    yield Impossible("noise", False, partial(nothing, half, 1.0, 4.0))
    yield Impossible("a flat wall", False, partial(nothing, half, 2.49, 2.51))


def judged(one: Impossible, loaded: LoadedModel, work: Path) -> dict[str, Any]:
    """The verdict on a fit, or ``refused``, and what it is made from."""
    method: FitMethod = load_method("npm")
    try:
        sequence = subject = subject_of(one.sequence(), AS_RECORDED, loaded.model)
        if loaded.model.coordinate_network is not None:
            sided = observe_side(sequence, loaded.model, "auto", 0, Progress())
            method, subject = WeakenedNpm(sided, WEAKENINGS["none"]), subject_seen(sided, loaded.model)
        run = run_fit(FitRequest(method, FitConfig(resolution=RESOLUTION), sequence, work / "run", loaded))
    except InputError as error:
        return {"input": one.name, "verdict": "refused", "reason": str(error)}
    return {"input": one.name, "model": loaded.model.info.name, **measured(run, subject)}


def mean_of(row: dict[str, Any], name: str) -> float:
    values = [each for each in row.get("frames", {}).get(name, ()) if each is not None]
    return float(np.mean(values)) if values else float("nan")


def main() -> int:
    prepare_process()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--half", choices=list(HALVES), help="one of both")
    parser.add_argument("--only", nargs="+", metavar="WORD", help="inputs with one of these words in their names")
    parser.add_argument("--people", type=Path, metavar="FILE", help="bodies of the scenes, by scene_people.py")
    parser.add_argument("--model", type=model_path, default=model_path("anny-full"))
    parser.add_argument("--hand-model", type=model_path, default=model_path("hand-compact"))
    parser.add_argument("--device", default="auto")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    device = resolve_device(options.device)
    models = [LoadedModel(path, load_model(path, device)) for path in (options.model, options.hand_model)]
    cast = stored_casting(options.people) if options.people else anny_casting()
    rows = []
    with tempfile.TemporaryDirectory() as work:
        for half in [options.half] if options.half else HALVES:
            for one in inputs_of(half, cast, models[1].model):
                if options.only and not any(word in one.name for word in options.only):
                    continue
                rows.append(judged(one, models[one.hand], Path(work)))
                row = rows[-1]
                sure = f"{mean_of(row, 'confidence'):.2f}"
                print(f"{row['input']:46s}{row['verdict']:8s} sure {sure:5s} {row['reason']}", flush=True)
    if options.json:
        write_json(options.json, plain(rounded(rows)))
    good = sum(row["verdict"] == "good" for row in rows)
    print(f"{'pass' if good <= MOST_GOOD else 'FAIL'}  {good} of {len(rows)} are called good (bar {MOST_GOOD})")
    return 0 if good <= MOST_GOOD else 1


if __name__ == "__main__":
    sys.exit(main())
