"""The method `imported`: meshes that another program made of the same recording."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.methods.imported.config import ImportConfig
from engine.methods.method import FitResult, MethodInputs, Requirements

if TYPE_CHECKING:
    from engine.core.progress import Progress
    from engine.sequences.depth_sequence import DepthSequence


class ImportMethod:
    """See `engine.methods.imported.meshes.import_meshes`."""

    id = "imported"
    title = "Meshes made elsewhere"
    config_type = ImportConfig
    requires = Requirements()

    def fit(self, source: DepthSequence, inputs: MethodInputs, config: ImportConfig, progress: Progress) -> FitResult:
        from engine.methods.imported.meshes import import_meshes

        return import_meshes(source, config, progress)


METHOD = ImportMethod()
