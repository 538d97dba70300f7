"""The method `skinned`: parameters of a body model, the upper bound of knowing how the subject was made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.methods.method import FitResult, MethodInputs, Requirements
from engine.methods.skinned.config import SkinnedConfig

if TYPE_CHECKING:
    from engine.core.progress import Progress
    from engine.sequences.depth_sequence import DepthSequence


class SkinnedMethod:
    """See `engine.methods.skinned.sequence.fit_sequence`."""

    id = "skinned"
    title = "Skinned body model"
    config_type = SkinnedConfig
    requires = Requirements(model=True)

    def fit(self, source: DepthSequence, inputs: MethodInputs, config: SkinnedConfig, progress: Progress) -> FitResult:
        from engine.methods.skinned.sequence import fit_sequence

        return fit_sequence(source, inputs, config, progress)


METHOD = SkinnedMethod()
