"""Scenes on disk: a depth sequence as any other, its truth, and what it was made of.

depth/, intrinsics.json   see `engine.sequences.depth_sequence`; a camera that knows neither its pose nor the vertical
                          says nothing of it, another says of what ``world`` its poses are
truth/                    the true surface, metres in camera axes, see `engine.sequences.truth`; with several subjects
                          one such folder for each, ``truth/subject_0``, ``truth/subject_1``, ...
truth/labels/<frame>.png  8 bit: 0 what is no subject, 1 the first subject, 2 the second, ... as without noise
scene.json                the plan with its seed, and by subject and frame what `describe` says
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from engine.core.errors import Cancelled, InputError
from engine.core.files import replacing_folder, write_json
from engine.core.progress import Progress
from engine.geometry.camera import transform_points
from engine.geometry.mesh import Mesh
from engine.sequences.camera_path import World
from engine.sequences.depth_sequence import save_depth_sequence
from engine.sequences.mesh_sequence import MeshSequence
from engine.sequences.truth import Truth, save_metric_truth
from external.anny.clips import canonical_motion
from external.anny.generate import SIMILARITY
from external.anny.joints import joint_rotations
from external.anny.rig import bone_transforms, skin
from external.scenes.cameras import stated
from external.scenes.rendering import SceneRenderer, Seen
from external.scenes.scene import Person, Scene
from external.scenes.sensing import sensor_of

DESCRIPTION = "scene.json"


def record(scene: Scene, out: Path, device: torch.device | str = "cpu", progress: Progress | None = None) -> None:
    """Write a scene into the folder ``out``; a scene that is there is replaced.

    Raises:
        InputError: ``out`` is something else than a scene.
        Cancelled: ``progress`` asked to stop; ``out`` is left as it was.
    """
    if out.exists() and not (out / DESCRIPTION).is_file() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(out, "exists and is not a scene", "name another folder or remove it")
    progress = progress or Progress()
    frames = len(scene.times_s)
    names = [f"{frame:06d}" for frame in range(frames)]
    progress.stage("frames", frames)
    subjects = len(scene.people)
    renderer = SceneRenderer(scene.view, scene.people[0].rig.faces, subjects, scene.room, device)
    sense, noise = sensor_of(scene)
    seen: list[Seen] = []
    with replacing_folder(out) as folder:
        labels = folder / "truth" / "labels"
        labels.mkdir(parents=True)

        def depths() -> Any:
            for frame in range(frames):
                if progress.cancelled():
                    raise Cancelled
                bodies = [scene.vertices(subject, frame) for subject in range(subjects)]
                view = renderer.render(frame, bodies, [thing.at(frame) for thing in scene.carried])
                _write_labels(labels / f"{names[frame]}.png", view.subject)
                seen.append(view)
                yield sense(view, frame)
                progress.advance(frame + 1)

        camera = stated(scene.view.camera, scene.plan.intrinsics_error)
        save_depth_sequence(folder, depths(), camera, scene.view.recorded, scene.plan.fps, names, world=World.UPRIGHT)
        for subject in range(subjects):
            place = folder / "truth" if subjects == 1 else folder / "truth" / f"subject_{subject}"
            place.mkdir(exist_ok=True)
            save_metric_truth(place, truth_of(scene, subject, names))
        write_json(folder / DESCRIPTION, describe(scene, seen, noise))


def truth_of(scene: Scene, subject: int, names: Sequence[str]) -> Truth:
    """The true surface of a subject in the axes of the camera, metres, with its canonical positions."""
    person = scene.people[subject]
    inverse = np.linalg.inv(scene.view.poses)

    def read(frame: int) -> Mesh:
        return Mesh(transform_points(inverse[frame], scene.vertices(subject, frame)), person.rig.faces)

    meshes = MeshSequence("truth", tuple(names), scene.times_s, read, True, "camera")
    return Truth(meshes, SIMILARITY, canonical_vertices(person))


def canonical_vertices(person: Person) -> NDArray[np.float64]:
    """(V, 3) metres of somebody in the canonical pose, the root at the origin."""
    rotations = joint_rotations(person.rig, person.body, canonical_motion())
    return skin(person.rig, person.body, bone_transforms(person.rig, person.body, rotations))[0].astype(np.float64)


def describe(scene: Scene, seen: Sequence[Seen], noise: Mapping[str, Any]) -> dict[str, Any]:
    """What a scene is, ready for JSON; lengths in metres, directions in radians.

    The room has y up and its floor at ``ground`` = 0; ``camera_to_room`` are the true poses of the camera.
    """
    subjects = []
    for index, (person, performance) in enumerate(zip(scene.people, scene.performances, strict=True)):
        subjects.append(
            {
                **person.about,
                "in_picture": [round(view.in_picture[index], 4) for view in seen],
                "visible": [round(view.visible[index], 4) for view in seen],
                "heading": performance.heading(person.rig).round(5).tolist(),
                "root": performance.path[:, :3, 3].round(5).tolist(),
                "planted": performance.planted.astype(int).tolist(),
            }
        )
    poses = scene.view.poses
    still = bool((poses == poses[0]).all())
    return {
        "version": 1,
        "plan": asdict(scene.plan),
        "camera": asdict(scene.view.camera),
        "noise": dict(noise),
        "camera_to_room": (poses[0] if still else poses).tolist(),
        "ground": 0.0,
        "times_s": scene.times_s.tolist(),
        "subjects": subjects,
    }


def _write_labels(path: Path, subject: NDArray[np.int16]) -> None:
    from PIL import Image

    Image.fromarray((subject + 1).astype(np.uint8)).save(path)
