"""What the curves of a training say of the model, in a few words."""

from npm_studio.reports.training_curves import Curve, Curves

_FAR_FROM_TRAINING = 5.0
"""Ratio of the figure of held-out data to that of training from where on a model is said to know its data by heart."""
_ROUGH = 0.002
"""Canonical units, from where on surfaces or poses are said to be rough."""
_FIGURES = {"shape": ("sdf", "Surfaces"), "pose": ("flow", "Poses")}
"""Of a stage: the metric in canonical units, and what is off by it."""


def quality_in_words(curves: Curves, scale: float) -> list[str]:
    """A sentence about each decoder that has been trained.

    Args:
        scale: of the similarity, canonical units per metre
    """
    said = []
    for stage, (metric, what) in _FIGURES.items():
        metrics = curves.get(stage, {})
        trained, held_out = metrics.get(("train", metric)), metrics.get(("validation", metric))
        if trained is not None:
            said.append(_sentence(what, trained, held_out, scale))
    return said


def _sentence(what: str, trained: Curve, held_out: Curve | None, scale: float) -> str:
    value = trained.values[-1]
    text = f"{what} are off by {1000 * value / scale:.2g} mm on average"
    if held_out is not None:
        text += f", of data held out by {1000 * held_out.values[-1] / scale:.2g} mm"
        if value > 0 and held_out.values[-1] > _FAR_FROM_TRAINING * value:
            return f"{text}. Poor: the model knows its own data by heart; more identities and motions help most."
    if value > _ROUGH:
        return f"{text}. Rough so far: more steps, or a larger preset."
    return f"{text}."
