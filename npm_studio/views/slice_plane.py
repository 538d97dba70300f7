"""A mesh cut open, and the signed distance on the plane of the cut."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from vtkmodules.vtkCommonDataModel import vtkPlane

from engine.geometry.similarity import Similarity
from npm_studio.session.live.field import SliceReply
from npm_studio.session.live.field_picture import PIXELS
from npm_studio.views.scene import MeshItem, textured_square, write_texture


class SlicePlaneItem:
    """A rectangle with the picture of a plane; the half of the mesh before it, as the camera sees it, is hidden."""

    def __init__(self, plotter: Any, mesh: MeshItem) -> None:
        self._plotter, self._mesh = plotter, mesh
        self._texture, self._actor = textured_square(plotter, 1.0, PIXELS)
        self._square = self._actor.mapper.dataset
        self._actor.visibility = False
        self._plane = vtkPlane()
        self._reply: SliceReply | None = None
        self._axis = 0

    @property
    def reply(self) -> SliceReply | None:
        """What is on show."""
        return self._reply

    def show(self, reply: SliceReply, similarity: Similarity) -> None:
        """Put the plane of ``reply`` into the world and cut the mesh there."""
        self._reply, self._axis = reply, reply.request.plane.axis
        corners: NDArray[np.float32] = similarity.to_world(reply.request.plane.corners())
        self._square.points[:] = corners
        self._square.GetPoints().Modified()
        self._square.Modified()
        write_texture(self._texture, reply.picture)
        self._plane.SetOrigin(*corners.mean(axis=0))
        self._actor.visibility = True
        self._mesh.cut(self._plane)
        self.follow()

    def hide(self) -> None:
        self._reply = None
        self._actor.visibility = False
        self._mesh.cut(None)

    def follow(self) -> None:
        """Hide the half that is nearer to the camera."""
        if self._reply is None:
            return
        origin = np.asarray(self._plane.GetOrigin())
        before = float(np.asarray(self._plotter.camera.position)[self._axis] - origin[self._axis]) > 0
        normal = [0.0, 0.0, 0.0]
        normal[self._axis] = -1.0 if before else 1.0
        self._plane.SetNormal(*normal)
