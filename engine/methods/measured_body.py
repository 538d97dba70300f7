"""The body measurements of a run, and how far they may be off."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from engine.core.errors import InputError
from engine.core.npz import read_npz
from engine.evaluate.body_landmarks import NotABody
from engine.evaluate.body_measurements import BODY_MEASUREMENTS, measure_body
from engine.geometry.mesh import Mesh
from engine.methods.run import Run, canonical_surface
from engine.methods.run_summary import mean_distance_mm
from engine.models.checkpoint import load_model
from engine.models.model import NeuralParametricModel
from engine.surface.extract import extract_surface

OF_SPREAD = 3.0
"""Standard errors in spreads of the shape: a fit takes for independent what is not."""
OF_VALUE = {
    "height": 0.003,
    "chest_girth": 0.0175,
    "waist_girth": 0.01,
    "hip_girth": 0.012,
    "thigh_girth": 0.011,
    "arm_length": 0.024,
    "leg_length": 0.005,
    "volume": 0.015,
}
"""Parts of the values by which fits are off however sure they are; `benchmarks/body_measurements.py` chooses both."""
NOISE_MM = 5.0
"""Mean distance from what was seen to the fit by which errors grow: they are twice as large at 1.7 times this."""
_RESOLUTION = 128
"""Grid of the surfaces whose measurements are compared with each other."""
_REMEDY = "fit it again"
_SURE_REMEDY = "fit it with the method npm, which knows that of a shape that it finds itself"


@dataclass(frozen=True)
class MeasuredBody:
    """Measurements by name, in the units of `engine.evaluate.body_measurements.BODY_MEASUREMENTS`."""

    values: Mapping[str, float] = field(default_factory=dict)
    """None of what is no body."""
    standard_errors: Mapping[str, float] = field(default_factory=dict)
    """By which values are expected to be off; none where nothing tells."""
    note: str = ""
    """Why there are no values, or no standard errors; else empty."""

    def as_dict(self) -> dict[str, Any]:
        """JSON: value, standard error and unit of each measurement, null where not known, and the note."""
        units = {definition.name: definition.unit for definition in BODY_MEASUREMENTS}
        known = {
            name: {"value": self.values.get(name), "standard_error": self.standard_errors.get(name), "unit": unit}
            for name, unit in units.items()
        }
        return {**known, "note": self.note or None}


def measured_body(run: Run) -> MeasuredBody:
    """What the canonical surface of ``run`` measures.

    The standard error of a measurement has two parts, see ``docs/fitting.md``: what it changes by with the shape codes
    that explain the images about as well, times `OF_SPREAD`, and `OF_VALUE`; both grow with the noise of the sensor.
    For the first the model has to be where it was. A sensor that errs in scale adds that error.

    Raises:
        InputError: a file of the run is damaged.
    """
    if run.verdict == "failed":
        return MeasuredBody(note="the fit has failed")
    surface = canonical_surface(run)
    if surface is None:
        return MeasuredBody(note=f"the method {run.method} has no surface in the canonical pose")
    try:
        values = measure_body(surface)
    except NotABody as reason:
        return MeasuredBody(note=str(reason))
    try:
        spreads = _spreads(run)
    except (InputError, NotABody) as reason:
        return MeasuredBody(values, note=f"no standard errors: {reason}")
    noise = noise_factor(run)
    errors = {
        name: noise * float(np.hypot(OF_SPREAD * spread, OF_VALUE[name] * values[name]))
        for name, spread in spreads.items()
    }
    return MeasuredBody(values, errors)


def noise_factor(run: Run) -> float:
    """By how much errors are larger than those of a fit to images without noise; at least 1."""
    return float(np.hypot(1, (mean_distance_mm(run) or 0) / NOISE_MM))


def _spreads(run: Run) -> dict[str, float]:
    """Standard deviations of the measurements by name, among the shapes that the fit takes for possible.

    Raises:
        InputError: the run does not say which shapes these are, or its model has moved.
        NotABody: one of these shapes is none.
    """
    path = run.folder / "codes.npz"
    if "codes.npz" not in run.artefacts or run.inputs.model is None:
        raise InputError(run.folder, "does not say how sure its shape is", _SURE_REMEDY)
    arrays = read_npz(path, ("shape", "shape_deviations"), _REMEDY)
    if "shape_deviations" not in arrays:
        raise InputError(path, "does not say how sure its shape is", _SURE_REMEDY)
    model = load_model(run.inputs.model)
    code, deviations = arrays["shape"][0, -1], arrays["shape_deviations"]
    if {code.shape, *(each.shape for each in deviations)} != {(model.shape_decoder.code_size,)}:
        raise InputError(path, f"holds no codes of {run.inputs.model}", _REMEDY)
    return spreads_of(model, code, deviations)


def spreads_of(
    model: NeuralParametricModel, code: NDArray[np.floating], deviations: NDArray[np.floating]
) -> dict[str, float]:
    """Standard deviations of the measurements by name, to first order.

    Args:
        code: (Cs,) of the shape
        deviations: (K, Cs) that may be added to it, independently; one standard deviation each

    Raises:
        NotABody: one of these shapes is none.
    """

    def measured(moved: NDArray[np.floating]) -> NDArray[np.float64]:
        surface = extract_surface(model, torch.tensor(moved, dtype=torch.float32, device=model.device), _RESOLUTION)
        body = measure_body(Mesh(model.info.similarity.to_world(surface.vertices), surface.faces))
        return np.array([body[definition.name] for definition in BODY_MEASUREMENTS])

    at_code = measured(code)
    differences = np.array([measured(code + deviation) - at_code for deviation in deviations]).reshape(-1, len(at_code))
    names = [definition.name for definition in BODY_MEASUREMENTS]
    return dict(zip(names, np.sqrt(np.square(differences).sum(axis=0)).tolist(), strict=True))
