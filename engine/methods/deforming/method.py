"""Methods that deform a mesh: `nricp`, `cpd` and `pyramid`.

What each of them computes with is imported when it begins.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from engine.core.errors import InputError
from engine.methods.deforming.config import CpdConfig, DeformingConfig, NricpConfig, PyramidConfig
from engine.methods.method import FitResult, MethodInputs, Requirements

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.core.progress import Progress
    from engine.geometry.mesh import Mesh
    from engine.methods.deforming.deformer import Deformer
    from engine.sequences.depth_sequence import DepthSequence


@dataclass(frozen=True)
class DeformingMethod:
    """See `engine.methods.deforming.deformer.deform`."""

    id: str
    title: str
    config_type: type[DeformingConfig]
    make: Callable[[Mesh, Any, MethodInputs], Deformer]
    """How frames are registered, from the template, the configuration and the inputs"""
    package: str | None = None
    """What has to be installed besides"""
    requires: Requirements = Requirements(surface=True)

    def fit(
        self, source: DepthSequence, inputs: MethodInputs, config: DeformingConfig, progress: Progress
    ) -> FitResult:
        if self.package is not None:
            try:
                import_module(self.package)
            except ImportError as error:
                problem = f"needs the package {self.package} ({error})"
                raise InputError(f"method {self.id!r}", problem, f"pip install {self.package}") from error

        from engine.methods.deforming.deformer import deform

        return deform(source, inputs, config, progress, lambda template: self.make(template, config, inputs))


def _nricp(template: Mesh, config: NricpConfig, inputs: MethodInputs) -> Deformer:
    from engine.methods.deforming.nricp import nricp

    return nricp(template, config)


def _cpd(template: Mesh, config: CpdConfig, inputs: MethodInputs) -> Deformer:
    from engine.methods.deforming.cpd import cpd

    return cpd(template, config, inputs.seed)


def _pyramid(template: Mesh, config: PyramidConfig, inputs: MethodInputs) -> Deformer:
    from engine.methods.deforming.pyramid import pyramid

    return pyramid(template, config, inputs.device, inputs.seed)


NRICP = DeformingMethod("nricp", "Non-rigid ICP", NricpConfig, _nricp, package="rtree")
CPD = DeformingMethod("cpd", "Coherent point drift", CpdConfig, _cpd, package="rustcpd")
PYRAMID = DeformingMethod("pyramid", "Neural deformation pyramid", PyramidConfig, _pyramid)
