"""What the landmarks of all frames say together: a landmark has one place at rest."""

from torch import Tensor

from engine.geometry.robust import redescending
from engine.methods.npm.observations import Observations

_ROUNDS = 5
_OUTLYING = 3.0
"""Expected errors from the others at which what one frame says counts a quarter."""


def landmarks_at_rest(observations: Observations) -> tuple[Tensor, Tensor]:
    """Canonical coordinates (K, 3) of the landmarks, and their expected errors (K,) along an axis.

    Means over the frames that show the subject, weighted by expected errors under the loss of Geman and McClure. What
    frames say of one subject is wrong alike, so that many are expected to be no better than the best half of them.
    """
    said = observations.landmarks
    assert said is not None
    canonical, deviations = said.canonical[observations.seen], said.deviations[observations.seen]
    precision = deviations.square().reciprocal()
    middle = canonical.median(0).values
    for _ in range(_ROUNDS):
        gaps = (canonical - middle).square().sum(-1)
        weights = precision * redescending(gaps, _OUTLYING * deviations)
        middle = (weights[..., None] * canonical).sum(0) / weights.sum(0)[:, None].clamp_min(1e-12)
    return middle, deviations.quantile(0.25, dim=0)
