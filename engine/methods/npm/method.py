"""The method `npm`: codes of a neural parametric model, found by descent on an energy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.methods.method import FitResult, MethodInputs, Requirements
from engine.methods.npm.config import FitConfig

if TYPE_CHECKING:
    from engine.core.progress import Progress
    from engine.models.model import NeuralParametricModel
    from engine.sequences.depth_sequence import DepthSequence


class NpmMethod:
    """See `engine.methods.npm.sequence.fit_sequence`."""

    id = "npm"
    title = "Neural parametric model"
    config_type = FitConfig
    requires = Requirements(model=True, pose=True)
    refits = True

    def warm_up(self, model: NeuralParametricModel) -> None:
        from engine.methods.npm.warm_up import warm_up

        warm_up(model)

    def fit(self, source: DepthSequence, inputs: MethodInputs, config: FitConfig, progress: Progress) -> FitResult:
        if inputs.refit is not None:
            from engine.methods.npm.refit import refit_sequence

            return refit_sequence(source, inputs, config, progress)

        from engine.methods.npm.sequence import fit_sequence

        return fit_sequence(source, inputs, config, progress)


METHOD = NpmMethod()
