"""The method `npm-reference`: the published recipe, to compare with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.methods.method import FitResult, MethodInputs, Requirements
from engine.methods.npm_reference.config import ReferenceConfig

if TYPE_CHECKING:
    from engine.core.progress import Progress
    from engine.sequences.depth_sequence import DepthSequence


class ReferenceMethod:
    """See `engine.methods.npm_reference.sequence.fit_sequence`."""

    id = "npm-reference"
    title = "Neural parametric model, as published"
    config_type = ReferenceConfig
    requires = Requirements(model=True, pose=True)

    def fit(
        self, source: DepthSequence, inputs: MethodInputs, config: ReferenceConfig, progress: Progress
    ) -> FitResult:
        from engine.methods.npm_reference.sequence import fit_sequence

        return fit_sequence(source, inputs, config, progress)


METHOD = ReferenceMethod()
