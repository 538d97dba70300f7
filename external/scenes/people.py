"""Random people of scenes, by seed."""

from collections.abc import Callable
from itertools import count

from external.anny.character import random_numbers
from external.anny.identities import sample_identity, stature_m
from external.anny.rig import AnnyModel
from external.scenes.motions import MOTIONS
from external.scenes.plan import ScenePlan
from external.scenes.scene import Person

_YOUNGEST_ADULT = 0.6
"""Anny's ``age`` from which `external.anny.identities` draws adults."""
_BODIES = 0
"""Stream of random numbers of a scene's seed."""

Cast = Callable[[int, int, bool], Person]
"""From the seed of a scene, the number of the subject and whether that is a child to somebody."""


def people_of(plan: ScenePlan, cast: Cast) -> list[Person]:
    """Everybody in a scene; where it has a child that is the first of them."""
    subjects = 1 if plan.is_captured else len(MOTIONS[plan.motion])
    return [cast(plan.seed, subject, plan.child and subject == 0) for subject in range(subjects)]


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
