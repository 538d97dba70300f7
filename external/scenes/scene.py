"""A scene from its plan: who moves how in which room, before what camera."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import InputError
from external.anny.character import random_numbers
from external.anny.joints import turn
from external.anny.rig import Array, RestBody, Rig
from external.scenes.build import measure
from external.scenes.cameras import Viewpoint, device, handheld, looking_at, recorded_poses, strip_tilt
from external.scenes.captured import arms_outside, captured_performance
from external.scenes.clothes import cloth_offsets, clothed
from external.scenes.motions import MOTIONS
from external.scenes.movement import Performance, perform
from external.scenes.plan import ScenePlan
from external.scenes.props import Carried, box_for, seat_for
from external.scenes.rooms import TABLE, furniture, hiding_table, walls_and_floor
from external.scenes.solids import Solid, together

_MOTION, _ROOM, _CAMERA, NOISE, _CLOTHES = range(1, 6)
"""Streams of random numbers of one seed; bodies have their own."""

_NEAREST_M = 0.4


@dataclass(frozen=True, eq=False)
class Person:
    """Who is in a scene."""

    rig: Rig
    body: RestBody
    about: Mapping[str, Any]
    """What is written of them, such as phenotypes."""


@dataclass(frozen=True, eq=False)
class Scene:
    """Everything but the picture."""

    plan: ScenePlan
    people: tuple[Person, ...]
    performances: tuple[Performance, ...]
    clothes: tuple[NDArray[np.float32], ...]
    """(V,) metres by which the surface of each person lies outside of their skin."""
    times_s: Array
    room: Solid
    carried: tuple[Carried, ...]
    view: Viewpoint

    def vertices(self, subject: int, frame: int) -> NDArray[np.float32]:
        """(V, 3) the surface of a subject in the room, metres."""
        person = self.people[subject]
        skin = self.performances[subject].vertices(person.rig, person.body, frame)
        return clothed(person.rig, skin, self.clothes[subject]) if self.clothes[subject].any() else skin


def make_scene(plan: ScenePlan, people: Sequence[Person]) -> Scene:
    """The scene of a plan; the same plan and people give the same one.

    Raises:
        InputError: motion capture cannot be used, or somebody comes too close to the camera.
    """
    performances = [_performed(plan, subject, person) for subject, person in enumerate(people)]
    times_s = np.arange(len(performances[0])) / plan.fps
    swept = _swept(people, performances)
    stature = max(measure(person.rig, person.body).stature for person in people)
    back = float(swept[:, 0, 2].min())
    view = _view(plan, stature, back, times_s)
    _check_room(swept, view)
    random = random_numbers(plan.seed, _ROOM)
    solids = walls_and_floor(back, plan.wall, random)
    solids += furniture(plan.furniture, view, swept, back - plan.wall, random)
    first, performance = people[0], performances[0]
    if plan.motion == "behind-table":
        solids.append(hiding_table(stature, _below(first, performance, TABLE * stature), random))
    if plan.motion == "sitting-down":
        solids.append(seat_for(first.rig, first.body, performance, random))
    carried = (box_for(first.rig, first.body, performance, random),) if plan.motion == "holding-box" else ()
    return Scene(
        plan, tuple(people), tuple(performances), _dressed(plan, people), times_s, together(solids), carried, view
    )


def _check_room(swept: Array, view: Viewpoint) -> None:
    """Refuse scenes in which somebody walks into the camera.

    Raises:
        InputError: so it is.
    """
    pose = view.poses[0]
    corners = np.stack([swept.min(axis=0).min(axis=0), swept.max(axis=0).max(axis=0)])
    ahead = (np.stack(np.meshgrid(*corners.T), axis=-1).reshape(-1, 3) - pose[:3, 3]) @ pose[:3, 2]
    if ahead.min() < _NEAREST_M:
        problem = f"somebody comes as near to the camera as {ahead.min():.2f} m"
        raise InputError("the scene", problem, "place the camera farther away")


def _dressed(plan: ScenePlan, people: Sequence[Person]) -> tuple[NDArray[np.float32], ...]:
    return tuple(
        cloth_offsets(person.rig, person.body, plan.clothes_mm / 1000, random_numbers(plan.seed, _CLOTHES, subject))
        for subject, person in enumerate(people)
    )


def _view(plan: ScenePlan, stature: float, back: float, times_s: Array) -> Viewpoint:
    """The camera, which looks at somebody of a ``stature`` at the origin of a path whose least z is ``back``."""
    random = random_numbers(plan.seed, _CAMERA)
    camera = device(plan, random)
    target = np.array([random.uniform(-0.1, 0.1), stature * random.uniform(0.47, 0.55), 0.0])
    if plan.floor_strip is None:
        pose = looking_at(target, plan.distance, np.radians(plan.tilt))
    else:
        height = float(target[1] + random.uniform(0.1, 0.4))
        pose = looking_at(
            target,
            plan.distance,
            strip_tilt(camera, plan.floor_strip, height, plan.distance - back + plan.wall),
        )
        pose[1, 3] = height
    if plan.camera in ("still", "gravity"):
        poses = np.tile(pose, (len(times_s), 1, 1))
    else:
        poses = handheld(pose, target, times_s, random)
    return Viewpoint(camera, poses, recorded_poses(poses, plan.camera, times_s, random))


def _performed(plan: ScenePlan, subject: int, person: Person) -> Performance:
    times_s = np.arange(plan.frames) / plan.fps
    if plan.is_captured:
        performance = captured_performance(person.rig, person.body, Path(plan.motion), plan.start_s, times_s)
    else:
        random, build = random_numbers(plan.seed, _MOTION, subject), measure(person.rig, person.body)
        motion = MOTIONS[plan.motion][subject]
        movement = motion(times_s, lambda low, high: float(random.uniform(low, high)), build)
        performance = perform(person.rig, person.body, build, movement, 1 / plan.fps)
        performance = arms_outside(performance, person.rig, person.body, 1 / plan.fps)
    turned = np.eye(4)
    turned[:3, :3] = turn(np.eye(3)[1], np.radians(plan.turn))
    return performance.moved(turned)


def _below(person: Person, performance: Performance, height: float) -> Array:
    """(2, 3) least and largest coordinates, over all frames, of what of somebody is below ``height``."""
    low = np.concatenate([vertices[vertices[:, 1] < height] for vertices in _surfaces(person, performance)])
    return np.stack([low.min(axis=0), low.max(axis=0)]).astype(np.float64)


def _surfaces(person: Person, performance: Performance) -> Iterator[NDArray[np.float32]]:
    """Skin (V, 3) in each frame, in the room."""
    return (performance.vertices(person.rig, person.body, frame) for frame in range(len(performance)))


def _swept(people: Sequence[Person], performances: Sequence[Performance]) -> Array:
    """(N, 2, 3) least and largest coordinates of each subject in each frame."""
    boxes = []
    for person, performance in zip(people, performances, strict=True):
        boxes += [np.stack([skin.min(axis=0), skin.max(axis=0)]) for skin in _surfaces(person, performance)]
    return np.stack(boxes).astype(np.float64)
