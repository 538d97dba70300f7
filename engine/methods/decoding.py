"""Meshes of a run that has only its codes yet, made when somebody asks for one."""

from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from engine.core.errors import InputError
from engine.geometry.camera import transform_points
from engine.geometry.mesh import Mesh
from engine.models.checkpoint import load_model
from engine.models.model import NeuralParametricModel
from engine.models.named_codes import load_codes
from engine.sequences.mirroring import mirrored_mesh
from engine.surface.extract import extract_surface
from engine.surface.folded import FoldedDecoder


class Decoding:
    """The model of a run and the codes in its folder, which are read with the first mesh, on a CPU."""

    def __init__(
        self, folder: Path, model: Path, places: NDArray[np.float64], resolution: int, is_mirrored: bool
    ) -> None:
        """
        Args:
            folder: of the run
            places: (F, 4, 4) rigid pose of the subject in each frame
            resolution: nodes per axis of the grid of the mesh
            is_mirrored: whether the codes are those of the mirror image of the subject
        """
        self._folder, self._model_folder, self._places = folder, model, places
        self.resolution, self._is_mirrored = resolution, is_mirrored

    def mesh(self, row: int) -> Mesh:
        """Of one frame, metres, world.

        Raises:
            InputError: model or codes are gone, or do not fit each other.
        """
        model, _, poses = self._known
        assert model.pose_decoder is not None
        points = torch.from_numpy(self._rest.vertices).to(model.device)
        with torch.no_grad():
            posed = (points + FoldedDecoder(model.pose_decoder, poses[row])(points)).cpu().numpy()
        mesh = self._in_metres(Mesh(posed, self._rest.faces))
        return Mesh(transform_points(self._places[row], mesh.vertices).astype(np.float32), self.surface.faces)

    @cached_property
    def surface(self) -> Mesh:
        """In the canonical pose, metres.

        Raises:
            InputError: as `mesh`.
        """
        return self._in_metres(self._rest)

    def _in_metres(self, canonical: Mesh) -> Mesh:
        """As it was seen: in metres, and not in the mirror."""
        similarity = self._known[0].info.similarity
        mesh = Mesh(similarity.to_world(canonical.vertices), canonical.faces)
        return mirrored_mesh(mesh, similarity.centre[0]) if self._is_mirrored else mesh

    @cached_property
    def _rest(self) -> Mesh:
        """The surface in canonical units, of the mirror image if that was fitted."""
        model, shape, _ = self._known
        surface = extract_surface(model, shape, self.resolution)
        if surface.is_empty:
            raise InputError(self._folder, "has a shape without a surface", "fit it again")
        return surface

    @cached_property
    def _known(self) -> tuple[NeuralParametricModel, torch.Tensor, torch.Tensor]:
        """The model, the shape code (Cs,), and of each frame shape and pose code (F, Cs + Cp)."""
        model = load_model(self._model_folder)
        shapes, poses = load_codes(self._folder / "codes.npz", model)
        if poses is None or len(poses) != len(self._places):
            raise InputError(self._folder, "has no meshes yet, and not the poses to make them", "fit it again")
        return model, shapes[0], torch.cat((shapes[:1].expand(len(poses), -1), poses), dim=1)
