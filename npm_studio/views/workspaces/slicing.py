"""Slices of the field in a workspace: what is asked for, when, and where it is shown."""

from dataclasses import replace

import numpy as np
from PyQt6.QtCore import QObject

from npm_studio.session.document.explorer import Explorer, tensor_of
from npm_studio.session.document.state import DocumentState
from npm_studio.session.document.view_state import SlicePlace
from npm_studio.session.live.field import SlicePlane, SliceReply, SliceRequest
from npm_studio.views.scene import round_below
from npm_studio.views.session import Session
from npm_studio.views.viewport_area import ViewportArea
from npm_studio.views.widgets.slice_section import SliceSection

_LIMIT = 0.1
"""Training clamps distances there and shapes nothing beyond; canonical units."""
_AROUND, _STEP = 0.1, 0.05
"""Room around the mesh, and steps of the plane's edges, so that it stays while the mesh changes a little."""


class Slicing(QObject):
    """Keeps the plane on show at the current shape and place."""

    def __init__(self, session: Session, viewports: ViewportArea) -> None:
        super().__init__()
        self._session, self._viewports = session, viewports
        self._explorer: Explorer | None = None
        self._asked: SliceRequest | None = None
        self.section = SliceSection()
        self.section.setVisible(False)
        self.section.axes.chosen.connect(viewports.look_across)
        self.section.changed.connect(self._on_place)
        session.document.changed.connect(self._on_document)
        session.slice_ready.connect(self._on_reply)
        viewports.changed.connect(self._on_display)

    def enter(self, explorer: Explorer | None) -> None:
        """The workspace comes on show."""
        self._explorer, self._asked = explorer, None
        self._viewports.set_slicing(explorer is not None)
        self._on_display()

    def leave(self) -> None:
        self._explorer = None
        self._viewports.set_slicing(False)

    def follow(self) -> None:
        """The mesh changed."""
        self._ask()

    def _on_place(self) -> None:
        document = self._session.document
        place = SlicePlace(self.section.axis, self.section.share)
        document.follow(replace(document.state, view=replace(document.state.view, slice_place=place)))

    def _on_document(self, before: DocumentState, after: DocumentState) -> None:
        place = after.view.slice_place
        if place != before.view.slice_place:
            self.section.show_place(place.axis, place.fraction)
            self._ask()

    def _on_display(self) -> None:
        wanted = self._viewports.display.field_slice and self._explorer is not None
        self.section.setVisible(wanted)
        if wanted:
            self._ask()
        else:
            self._asked = None

    def _ask(self) -> None:
        bounds = self._viewports.left.canonical_bounds()
        if self._explorer is None or not self._viewports.display.field_slice or bounds is None:
            return
        low, high = (np.clip(side, -0.5, 0.5) for side in _around(bounds))
        axis, similarity = self.section.axis, self._explorer.model.info.similarity
        inside_low, inside_high = bounds[:, axis]
        position = float(inside_low + self.section.share * (inside_high - inside_low))
        place = np.zeros(3)
        place[axis] = position
        self.section.show_position(float(similarity.to_world(place)[axis]))
        plane = SlicePlane(axis, position, tuple(low.tolist()), tuple(high.tolist()))
        spacing = round_below(_LIMIT / similarity.scale * 1e3 / 12) * 1e-3 * similarity.scale
        request = SliceRequest(tensor_of(self._session.document.state.explore.shape), plane, _LIMIT, spacing)
        asked = self._asked
        if asked is None or asked.plane != plane or not asked.shape.equal(request.shape):
            self._asked = request
            self._session.request_slice(request)

    def _on_reply(self, reply: SliceReply) -> None:
        if self._explorer is not None and self._asked is not None:
            self._viewports.left.show_slice(reply, self._explorer.model.info.similarity)


def _around(bounds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Low and high corner (3,) of a box around ``bounds`` (2, 3)."""
    return np.floor((bounds[0] - _AROUND) / _STEP) * _STEP, np.ceil((bounds[1] + _AROUND) / _STEP) * _STEP
