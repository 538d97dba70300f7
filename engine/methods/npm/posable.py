"""What a fit moves: a subject whose canonical points a shape and poses bring to where they are.

A neural parametric model is one, a body that is skinned (`engine.methods.skinned`) another; terms, steps and schedule
of a fit are the same for both.
"""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from engine.methods.npm.linearisation import Linearised, distance_rates, linearise
from engine.methods.npm.residuals import SurfaceRows
from engine.methods.npm.surface_samples import SurfaceSamples, sample_model_surface, thinned
from engine.methods.npm.variables import FittedModel, Variables
from engine.surface.extract import extract_surface

SAMPLES = 2048
"""Of the surface, among which partners are sought; they are continuous between samples."""
RESOLUTION = 48
"""Grid of the mesh that the samples lie on."""
SHOWN_RESOLUTION = 96
"""Grid of what is shown meanwhile."""


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

    def local(self, variables: Variables, points: Tensor) -> Tensor:
        return self.fitted.local(variables, points)

    def surface(self, variables: Variables, seed: int) -> "NeuralSurface":
        """Contoured, with `SAMPLES` samples."""
        fitted = self.fitted
        sampled = sample_model_surface(fitted.model, fitted.shape_code(variables), seed, RESOLUTION)
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
        """Contoured anew: on the grid of the samples, hands and forearms of a body fall apart."""
        fitted = self.fitted
        mesh = extract_surface(fitted.model, fitted.shape_code(variables), SHOWN_RESOLUTION)
        if mesh.is_empty:
            return self.placed(variables), self.samples.faces
        vertices, faces = (torch.from_numpy(part).to(fitted.model.device) for part in (mesh.vertices, mesh.faces))
        with torch.no_grad():
            return variables.place(fitted.local(variables, vertices[None])), faces

    def linearise(self, variables: Variables, rows: SurfaceRows, middle: Tensor, shape_moves: bool) -> Linearised:
        normals, rates = (None, None) if rows.samples is None else (rows.normals, self.rates[rows.samples])
        return linearise(self.fitted, variables, rows.canonical, normals, rows.directions, middle, shape_moves, rates)
