"""What a fit moves: a subject whose canonical points a shape and poses bring to where they are.

A neural parametric model is one, a body that is skinned (`engine.methods.skinned`) another; terms, steps and schedule
of a fit are the same for both.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor

from engine.geometry.topology import signed_volume, triangle_areas
from engine.methods.npm.linearisation import Linearised, distance_rates, linearise
from engine.methods.npm.residuals import SurfaceRows
from engine.methods.npm.surface_samples import SurfaceSamples, sample_model_surface, thinned
from engine.methods.npm.variables import FittedModel, Variables
from engine.surface.extract import extract_surface

SAMPLES = 2048
"""Of the surface, among which partners are sought; they are continuous between samples."""
CELLS = 2.1
"""Of the grid of the mesh that the samples lie on, in the mean thickness of the subject. With fewer forearms fall apart
and hands are mittens; with more, or with more samples, points find the wrong finger."""
COARSEST, FINEST = 40, 128
_FIRST_RESOLUTION = 64
"""Of the mesh that the thickness is measured on."""


class PosableSurface(Protocol):
    """Samples of the surface of one shape."""

    @property
    def samples(self) -> SurfaceSamples: ...

    def placed(self, variables: Variables) -> Tensor:
        """Vertices (F, V, 3) of the triangles of the samples where the subject is, in the space of the fit."""

    def meshes(self, variables: Variables) -> tuple[Tensor, Tensor]:
        """Vertices (F, V, 3) of the whole surface there, to look at, and its triangles (T, 3)."""

    def linearise(self, variables: Variables, rows: SurfaceRows, middle: Tensor, shape_moves: bool) -> Linearised:
        """The points of ``rows`` where they are, and how they move along their directions.

        Where `SurfaceRows.samples` says at which samples of this surface they are, they follow it when the shape
        changes.

        Args:
            middle: (F, 3) in the space of the fit, which rotations are about
        """


class Posing(Protocol):
    """How poses move canonical points."""

    def local(self, variables: Variables, points: Tensor) -> Tensor:
        """Posed canonical points (F, N, 3), without the place of the subject, of ``points`` (F or 1, N, 3)."""


class Posable(Posing, Protocol):
    """A subject in the units and about the centre of a model's similarity: canonical space."""

    @property
    def device(self) -> torch.device: ...

    @property
    def scale(self) -> float:
        """Canonical units per metre."""

    @property
    def keeps_shape(self) -> bool:
        """Whether the shape is known and does not move."""

    def surface(self, variables: Variables, seed: int) -> PosableSurface:
        """That of the shape of ``variables``."""


@dataclass(frozen=True, eq=False)
class NeuralPosable:
    """A neural parametric model as what is fitted."""

    fitted: FittedModel

    @property
    def device(self) -> torch.device:
        return self.fitted.model.device

    @property
    def scale(self) -> float:
        return self.fitted.model.info.similarity.scale

    @property
    def keeps_shape(self) -> bool:
        return self.fitted.keeps_shape

    @cached_property
    def resolution(self) -> int:
        """Of the grid of the mesh that samples lie on, by the mean thickness: twice the volume of the mean shape by its
        area."""
        shape = self.fitted.shape_code(self.fitted.mean(1))
        mesh = extract_surface(self.fitted.model, shape, _FIRST_RESOLUTION)
        if mesh.is_empty:  # of a model that has hardly learned anything; its shapes may have a surface
            return COARSEST
        volume, area = signed_volume(mesh.vertices, mesh.faces), triangle_areas(mesh.vertices, mesh.faces).sum()
        wanted = CELLS * area / (2 * volume) if volume > 0 else COARSEST
        return round(min(max(wanted, COARSEST), FINEST))

    def local(self, variables: Variables, points: Tensor) -> Tensor:
        return self.fitted.local(variables, points)

    def surface(self, variables: Variables, seed: int) -> "NeuralSurface":
        """Contoured, with `SAMPLES` samples."""
        fitted = self.fitted
        sampled = sample_model_surface(fitted.model, fitted.shape_code(variables), seed, self.resolution)
        samples = thinned(sampled, SAMPLES)
        return NeuralSurface(fitted, samples, distance_rates(fitted, variables, samples.points))


@dataclass(frozen=True, eq=False)
class NeuralSurface:
    """The contoured surface of a shape code."""

    fitted: FittedModel
    samples: SurfaceSamples
    rates: Tensor
    """(P, S) at which the distance to the surface changes at the samples with the shape"""

    def placed(self, variables: Variables) -> Tensor:
        with torch.no_grad():
            return variables.place(self.fitted.local(variables, self.samples.vertices[None]))

    def meshes(self, variables: Variables) -> tuple[Tensor, Tensor]:
        return self.placed(variables), self.samples.faces

    def linearise(self, variables: Variables, rows: SurfaceRows, middle: Tensor, shape_moves: bool) -> Linearised:
        normals, rates = (None, None) if rows.samples is None else (rows.normals, self.rates[rows.samples])
        return linearise(self.fitted, variables, rows.canonical, normals, rows.directions, middle, shape_moves, rates)
