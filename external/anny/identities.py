"""Random identities over Anny's phenotypes."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from external.anny.rig import AnnyModel, RestBody

CHILD_FRACTION = 0.3


@dataclass(frozen=True)
class Sizes:
    """What is measured on a rest body, in metres, and its range in children and adults."""

    measure: Callable[[RestBody], float]
    child_m: tuple[float, float]
    adult_m: tuple[float, float]


def stature_m(body: RestBody) -> float:
    """Height in metres of a body standing at rest."""
    return float(np.ptp(body.vertices[:, 1]))


def hand_length_m(hand: RestBody) -> float:
    """How far in metres a hand at rest reaches from its wrist."""
    return float(np.linalg.norm(hand.vertices - hand.bone_heads[0], axis=1).max())


STATURES = Sizes(stature_m, (1.00, 1.45), (1.48, 1.86))
HAND_LENGTHS = Sizes(hand_length_m, (0.115, 0.16), (0.165, 0.215))


def sample_identity(
    model: AnnyModel, random: np.random.Generator, sizes: Sizes = STATURES
) -> tuple[dict[str, float], RestBody]:
    """Phenotypes of a random child or adult, young to old, thin to heavy, short to tall, and its rest body.

    The size is drawn in metres and Anny's ``height`` found for it, since that reaches from dwarfs to giants of
    2.4 m, who would leave the canonical cube with their arms up.
    """

    def draw(low: float, high: float) -> float:
        return float(random.uniform(low, high))

    is_child = draw(0.0, 1.0) < CHILD_FRACTION
    phenotype = {
        "gender": draw(0.0, 1.0),
        "age": draw(0.33, 0.52) if is_child else draw(0.6, 1.0),
        "muscle": draw(0.15, 0.7) if is_child else draw(0.05, 0.95),
        "weight": draw(0.15, 0.85) if is_child else draw(0.05, 0.95),
        "proportions": draw(0.1, 0.9),
    }
    # Size grows linearly with `height`, and with age and gender.
    wanted_m = draw(*(sizes.child_m if is_child else sizes.adult_m))
    low, high = 0.1, 0.9
    measured = [sizes.measure(body) for body in model.rest_bodies([phenotype | {"height": h} for h in (low, high)])]
    height = low + (high - low) * (wanted_m - measured[0]) / (measured[1] - measured[0])
    phenotype["height"] = float(np.clip(height, 0.0, 0.8))
    return phenotype, model.rest_bodies([phenotype])[0]
