"""Random identities over Anny's phenotypes."""

import numpy as np

from external.anny.rig import AnnyModel, RestBody

CHILD_SHARE = 0.2
_CHILD_STATURE_M = (1.00, 1.45)
_ADULT_STATURE_M = (1.48, 1.86)


def sample_identity(model: AnnyModel, random: np.random.Generator) -> tuple[dict[str, float], RestBody]:
    """Phenotypes of a random child or adult, young to old, thin to heavy, short to tall, and its rest body.

    The stature is drawn in metres and Anny's ``height`` found for it, since that reaches from dwarfs to giants of
    2.4 m, who would leave the canonical cube with their arms up.
    """

    def draw(low: float, high: float) -> float:
        return float(random.uniform(low, high))

    is_child = draw(0.0, 1.0) < CHILD_SHARE
    phenotype = {
        "gender": draw(0.0, 1.0),
        "age": draw(0.33, 0.52) if is_child else draw(0.6, 1.0),
        "muscle": draw(0.15, 0.7) if is_child else draw(0.05, 0.95),
        "weight": draw(0.15, 0.85) if is_child else draw(0.05, 0.95),
        "proportions": draw(0.1, 0.9),
    }
    # Stature grows linearly with `height`, and with age and gender.
    wanted_m = draw(*(_CHILD_STATURE_M if is_child else _ADULT_STATURE_M))
    low, high = 0.1, 0.9
    statures = [stature_m(body) for body in model.rest_bodies([phenotype | {"height": h} for h in (low, high)])]
    height = low + (high - low) * (wanted_m - statures[0]) / (statures[1] - statures[0])
    phenotype["height"] = float(np.clip(height, 0.0, 0.8))
    return phenotype, model.rest_bodies([phenotype])[0]


def stature_m(body: RestBody) -> float:
    """Height in metres of a body standing at rest."""
    return float(np.ptp(body.vertices[:, 1]))
