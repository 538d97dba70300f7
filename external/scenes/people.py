"""Random people of scenes, by seed, and people that were made elsewhere."""

import json
from collections.abc import Callable, Iterable
from itertools import count
from pathlib import Path

import numpy as np

from engine.core.errors import InputError
from engine.core.files import replacing_file
from engine.core.npz import NpzFile
from external.anny.character import random_numbers
from external.anny.identities import sample_identity, stature_m
from external.anny.rig import AnnyModel, RestBody, Rig
from external.scenes.motions import MOTIONS
from external.scenes.plan import ScenePlan
from external.scenes.scene import Person

_YOUNGEST_ADULT = 0.6
"""Anny's ``age`` from which `external.anny.identities` draws adults."""
_BODIES = 0
"""Stream of random numbers of a scene's seed."""
_AGAIN = "write it again where the Anny model is installed"

Cast = Callable[[int, int, bool], Person]
"""From the seed of a scene, the number of the subject and whether that is a child to somebody."""


def people_of(plan: ScenePlan, cast: Cast) -> list[Person]:
    """Everybody in a scene; where it has a child that is the first of them."""
    return [cast(*who) for who in roles_of(plan)]


def roles_of(plan: ScenePlan) -> list[tuple[int, int, bool]]:
    """For whom a `Cast` is asked."""
    subjects = 1 if plan.is_captured else len(MOTIONS[plan.motion])
    return [(plan.seed, subject, plan.child and subject == 0) for subject in range(subjects)]


def anny_casting() -> Cast:
    """People from the Anny model, which is loaded once."""
    model = AnnyModel()

    def cast(seed: int, subject: int, child: bool) -> Person:
        for attempt in count():
            phenotype, body = sample_identity(model, random_numbers(seed, _BODIES, subject, attempt))
            if (phenotype["age"] < _YOUNGEST_ADULT) == child:
                break
        rounded = {name: round(value, 4) for name, value in phenotype.items()}
        return Person(model.rig, body, {"phenotype": rounded, "stature": round(stature_m(body), 4), "child": child})

    return cast


def save_people(path: Path, plans: Iterable[ScenePlan], cast: Cast) -> None:
    """Write everybody in scenes of ``plans`` into one npz file, for machines without the Anny model."""
    roles = list(dict.fromkeys(role for plan in plans for role in roles_of(plan)))
    people = [cast(*role) for role in roles]
    rig = people[0].rig
    sparse = rig.sparse_weights
    description = {
        "bone_names": rig.bone_names,
        "bone_parents": rig.bone_parents,
        "roles": roles,
        "about": [dict(person.about) for person in people],
    }
    arrays = {
        "description": np.frombuffer(json.dumps(description).encode(), np.uint8),
        "faces": rig.faces,
        "reference_rotations": rig.reference_rotations,
        "weights": sparse.data.astype(np.float32),
        "weight_bones": sparse.indices.astype(np.int32),
        "weight_starts": sparse.indptr.astype(np.int32),
        "vertices": np.stack([person.body.vertices for person in people]),
        "bone_rotations": np.stack([person.body.bone_rotations for person in people]),
        "bone_heads": np.stack([person.body.bone_heads for person in people]),
    }
    with replacing_file(path) as temporary, temporary.open("wb") as stream:
        np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]


def stored_casting(path: Path) -> Cast:
    """People that `save_people` wrote.

    Raises:
        InputError: there is no such file, or it is damaged; and when asked for somebody who is not in it.
    """
    from scipy.sparse import csr_matrix

    with NpzFile(path, _AGAIN) as file:
        try:
            description = json.loads(file.read("description", "u", (None,)).tobytes())
            roles = [tuple(role) for role in description["roles"]]
            names, parents = tuple(description["bone_names"]), tuple(description["bone_parents"])
            about = description["about"]
        except (ValueError, KeyError, TypeError):
            raise InputError(path, "does not say who is in it", _AGAIN) from None
        bones = len(names)
        bodies = [
            RestBody(*parts)
            for parts in zip(
                file.read("vertices", "f", (len(roles), None, 3)).astype(np.float64),
                file.read("bone_rotations", "f", (len(roles), bones, 3, 3)).astype(np.float64),
                file.read("bone_heads", "f", (len(roles), bones, 3)).astype(np.float64),
                strict=True,
            )
        ]
        parts = (file.read(n, k, (None,)) for n, k in (("weights", "f"), ("weight_bones", "i"), ("weight_starts", "i")))
        weights = csr_matrix(tuple(parts), shape=(len(bodies[0].vertices), bones)).toarray().astype(np.float32)
        rotations = file.read("reference_rotations", "f", (bones, 3, 3)).astype(np.float64)
        rig = Rig(names, parents, rotations, weights, file.read("faces", "i", (None, 3)).astype(np.int32))

    def cast(seed: int, subject: int, child: bool) -> Person:
        if (seed, subject, child) not in roles:
            raise InputError(path, f"has nobody for subject {subject} of the scene with seed {seed}", _AGAIN)
        index = roles.index((seed, subject, child))
        return Person(rig, bodies[index], about[index])

    return cast
