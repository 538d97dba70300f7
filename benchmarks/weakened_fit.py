"""The method `npm` with a start that is made worse on purpose: what a fit looks like when it goes wrong.

A weakening turns, moves or bends the subject in some of the frames before the first step, and may take away what would
lead the fit back: the weight of what the network says, or most of the steps. How sure the fit is of the outcome is
worked out from all that the network says, as always.
"""

from dataclasses import asdict, dataclass, field, fields
from typing import Any

import numpy as np
import torch

from engine.core.progress import Progress
from engine.methods.distances import measure
from engine.methods.method import FitResult, MethodInputs, Requirements
from engine.methods.npm.agreement import Agreement, agreement
from engine.methods.npm.config import FitConfig
from engine.methods.npm.fit import fit_codes, fitted_model
from engine.methods.npm.observations import Observations
from engine.methods.npm.sequence import posed_result
from engine.methods.npm.sides import SidedObservations
from engine.methods.npm.start import first_variables
from engine.methods.npm.variables import Variables
from engine.methods.run import Run
from engine.models.model import NeuralParametricModel
from engine.sequences.depth_sequence import DepthSequence
from engine.sequences.isolation import masked
from engine.sequences.mirroring import mirrored_sequence

AGREEMENT = "agreement"
"""Artefact of these runs: all that `engine.methods.npm.agreement` measures of each frame."""
_BLIND = {"coordinate_weight": 0.0, "landmark_weight": 0.0}
_DOUBTED = {"coordinate_weight": 30.0, "landmark_weight": 8.0}


@dataclass(frozen=True)
class Weakening:
    """What is worse than usual about a fit."""

    turn: float = 0.0
    """Degrees about the vertical"""
    shift_m: float = 0.0
    """Metres, in a random direction along the floor"""
    bend: float = 0.0
    """Standard deviations of noise on the pose codes"""
    share: float = 0.5
    """Part of the frames that it concerns, one run of neighbours"""
    settings: dict[str, Any] = field(default_factory=dict)
    """Fields of `FitConfig` that are not as usual"""


WEAKENINGS = {
    "none": Weakening(),
    "few steps": Weakening(settings={"steps": 6}),
    "led back": Weakening(turn=180, shift_m=0.3, bend=1.0, settings=_DOUBTED),
    "without the network": Weakening(settings=_BLIND),
    "turned": Weakening(turn=180, settings=_BLIND),
    "bent": Weakening(turn=40, bend=2.0, settings=_BLIND),
    "shifted": Weakening(turn=90, shift_m=0.4, bend=0.7, share=0.7, settings=_BLIND),
}
"""From a tenth of what the network says nearly all of them come back, so that most go without."""


@dataclass(frozen=True, eq=False)
class WeakenedNpm:
    """A `FitMethod`, of what has been read already."""

    sided: SidedObservations
    weakening: Weakening
    id: str = "npm"
    title: str = "Neural parametric model, weakened"
    config_type: type[FitConfig] = FitConfig
    requires: Requirements = Requirements(model=True, pose=True)

    def fit(self, source: DepthSequence, inputs: MethodInputs, config: FitConfig, progress: Progress) -> FitResult:
        assert inputs.model is not None
        model, observations = inputs.model.model, self.sided.observations
        fitted = fitted_model(model, config)
        first = first_variables(fitted, observations, inputs.seed, progress)
        first = weakened(first, observations, self.weakening, model.info.similarity.scale, inputs.seed)
        codes = fit_codes(model, observations, config, inputs.seed, progress, first)
        result = posed_result(self.sided, inputs, config, codes, progress)
        found = agreement(model, observations, codes)
        measured = {each.name: getattr(found, each.name).double().cpu().numpy() for each in fields(Agreement)}
        measured["observed"] = observations.seen.double().cpu().numpy()
        result.artefacts[AGREEMENT] = measured  # type: ignore[index]
        return result


def weakened(first: Variables, observations: Observations, weakening: Weakening, scale: float, seed: int) -> Variables:
    """``first`` made worse.

    Args:
        scale: canonical units per metre
    """
    random, count = np.random.default_rng(seed), len(first)
    length = max(1, round(weakening.share * count))
    begin = int(random.integers(count - length + 1))
    rigid, bent = np.zeros((count, 6)), np.zeros(tuple(first.poses.shape))
    where, heading = slice(begin, begin + length), random.uniform(-np.pi, np.pi)
    rigid[where, 1] = np.radians(weakening.turn)
    rigid[where, 3:] = scale * weakening.shift_m * np.array([np.cos(heading), 0.0, np.sin(heading)])
    bent[where] = weakening.bend * random.standard_normal(bent.shape[1])
    middle = observations.points.median(1).values

    def tensor(values: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(values.astype(np.float32)).to(middle.device)

    return first.moved(torch.zeros_like(first.shape), tensor(bent), tensor(rigid), middle)


def subject_seen(sided: SidedObservations, model: NeuralParametricModel) -> DepthSequence:
    """What was taken for the subject, as it was seen."""
    masks = sided.observations.masks
    subject = sided.source if masks is None else masked(sided.source, masks)
    return mirrored_sequence(subject, model.info.similarity.centre[0]) if sided.is_mirrored else subject


def measured(run: Run, subject: DepthSequence) -> dict[str, Any]:
    """All that the verdict and the confidence of ``run`` are made from, to be written; ``subject`` is what it shows."""
    measures, path = measure(run.meshes, subject), run.folder / f"{AGREEMENT}.npz"
    frames: dict[str, Any] = {
        "confidence": [each.confidence for each in run.frames],
        "measures": [list(asdict(each).values()) for each in measures.frames],
    }
    if path.is_file():
        with np.load(path) as file:
            frames |= {name: file[name] for name in file.files}
    return {"verdict": run.verdict, "reason": run.reason, "size_m": measures.size_m, "frames": frames}


def rounded(value: Any) -> Any:
    """``value`` with five digits, as lists."""
    if isinstance(value, dict):
        return {name: rounded(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(each) for each in value]
    if isinstance(value, np.ndarray):
        return rounded(value.tolist())
    return float(f"{value:.5g}") if isinstance(value, float) else value
