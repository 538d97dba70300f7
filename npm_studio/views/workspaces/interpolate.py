"""From one identity and pose to another with one slider."""

from dataclasses import replace
from typing import Literal

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QHBoxLayout, QLabel, QPushButton

from engine.models.named_codes import IdentityFrame
from npm_studio.session.document.explorer import blend, codes_of_end, posture_of, pretty
from npm_studio.session.document.state import STEPS, DocumentState, Interpolation
from npm_studio.session.document.timeline import Playable
from npm_studio.session.live.request import MeshReply, Quality
from npm_studio.views.session import Session
from npm_studio.views.viewport_area import ViewportArea
from npm_studio.views.widgets.basics import Section, Segments, note
from npm_studio.views.widgets.slider import BarSlider
from npm_studio.views.workspaces.base import Actions, Workspace
from npm_studio.views.workspaces.identity_pair import IdentityCards

_SPACES: tuple[Literal["shape", "pose", "both"], ...] = ("shape", "pose", "both")


class InterpolateWorkspace(Workspace):
    """One mesh between two identities; the timeline plays the way there and back."""

    uses_library = True
    shows_live = True

    def __init__(self, session: Session, viewports: ViewportArea, actions: Actions) -> None:
        super().__init__(session, viewports, actions)
        ends = Section("From A to B")
        self.cards = IdentityCards("A · from", "B · to")
        ends.body.addWidget(note("Click a card, then an identity or a pose in the library."))
        ends.body.addSpacing(2)
        ends.body.addWidget(self.cards)
        swap = QPushButton("Swap A and B")
        swap.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        swap.clicked.connect(self.swap)
        ends.body.addSpacing(2)
        ends.body.addWidget(swap)
        way = Section("Interpolate")
        self.spaces = Segments(("Shape", "Pose", "Both"))
        self.spaces.choose(2)
        self.slider = BarSlider(0)
        self.slider.setRange(0, STEPS)
        self.slider.setAccessibleName("Share of B")
        self.readout = QLabel("0 %")
        self.readout.setObjectName("muted")
        row = QHBoxLayout()
        row.setSpacing(10)
        row.addWidget(QLabel("A"))
        row.addWidget(self.slider, 1)
        row.addWidget(QLabel("B"))
        way.body.addWidget(self.spaces)
        way.body.addSpacing(8)
        way.body.addLayout(row)
        way.body.addWidget(self.readout, alignment=Qt.AlignmentFlag.AlignHCenter)
        self.column.setSpacing(20)
        self.column.addWidget(ends)
        self.column.addWidget(way)
        self.column.addStretch(1)
        self.cards.picked.connect(self.pick)
        self.spaces.chosen.connect(self._on_space)
        self.slider.valueChanged.connect(self._on_slider)
        self.slider.sliderReleased.connect(self._on_released)
        self.document.model_changed.connect(self._on_model)

    def enter(self) -> None:
        super().enter()
        self.viewports.clear()
        self.viewports.set_split(False)
        if self.document.model is None:
            actions = (self.actions_by_id["file.open_model"], self.actions_by_id["file.demo_model"])
            self.viewports.invite("model", "No model is open", "Open a model folder to interpolate in it.", actions)
            return
        self._request(True)

    def playable(self) -> Playable:
        if self.document.model is None:
            return Playable()
        there = [f"{round(100 * step / STEPS)} %" for step in range(STEPS + 1)]
        return Playable(tuple(there + there[-2:0:-1]), 30.0, self.document.state.interpolate.frame)

    def show_frame(self, frame: int) -> None:
        now = replace(self.document.state.interpolate, step=_step_of(frame), frame=frame)
        self.document.follow(replace(self.document.state, interpolate=now))

    def show_meshes(self, reply: MeshReply) -> None:
        model = self.document.model
        if model is not None:
            self.show_posed_mesh(self.viewports.left, reply.meshes[0], model.info.similarity)
            self.frame_once(model, reply.quality is Quality.FINE)
            a, b = self._titles()
            self.viewports.left.caption.set_text(f"{a}  →  {b}", f"{self.readout.text()} of the way")
            self.report_quality(reply)

    def marked_in_library(self) -> tuple[int | None, int | None]:
        end = self.document.state.interpolate.ends[self.document.state.interpolate.card]
        return end.identity, end.frame

    def pick(self, card: int) -> None:
        """The library changes this end from now on."""
        self.document.follow(
            replace(self.document.state, interpolate=replace(self.document.state.interpolate, card=card))
        )

    def identity_chosen(self, identity: int) -> None:
        now = self.document.state.interpolate
        self._change_end("Identity", IdentityFrame(identity, now.ends[now.card].frame))

    def frame_chosen(self, row: int) -> None:
        now = self.document.state.interpolate
        self._change_end("Pose", IdentityFrame(now.ends[now.card].identity, row))

    def canonical_pose_chosen(self) -> None:
        now = self.document.state.interpolate
        self._change_end("Pose", IdentityFrame(now.ends[now.card].identity))

    def swap(self) -> None:
        """The other way round."""
        now = self.document.state.interpolate
        self._change("Swap A and B", replace(now, ends=(now.ends[1], now.ends[0])))

    def follow(self, before: DocumentState, after: DocumentState) -> None:
        if before.interpolate == after.interpolate or before.model != after.model:
            return
        self._show(after.interpolate)
        if self.is_active:
            self.document.timeline.place(after.interpolate.frame)
        is_drag = replace(before.interpolate, step=0, frame=0) == replace(after.interpolate, step=0, frame=0)
        self._request(settled=not is_drag)

    def _on_model(self) -> None:
        model = self.document.model
        if model is None:
            return
        for index in (1, 2):
            self.spaces.button(index).setEnabled(model.has_pose)
        self._show(self.document.state.interpolate)
        if self.is_active:
            self.enter()
            self.clip_changed.emit()

    def _change_end(self, what: str, end: IdentityFrame) -> None:
        now = self.document.state.interpolate
        ends = (end, now.ends[1]) if now.card == 0 else (now.ends[0], end)
        self._change(f"{what} of {'AB'[now.card]}", replace(now, ends=ends))

    def _change(self, name: str, now: Interpolation, merge: object = None) -> None:
        if self.document.model is not None:
            self.document.change(name, replace(self.document.state, interpolate=now), merge)

    def _on_space(self, index: int) -> None:
        self._change("Interpolated Space", replace(self.document.state.interpolate, space=_SPACES[index]))

    def _on_slider(self, step: int) -> None:
        now = replace(self.document.state.interpolate, step=step, frame=step)
        self._change("Interpolation", now, merge="interpolation")

    def _on_released(self) -> None:
        self.document.end_step()
        self.session.settle()

    def _titles(self) -> tuple[str, ...]:
        model = self.document.model
        assert model is not None
        return tuple(pretty(model.info.identities[end.identity]) for end in self.document.state.interpolate.ends)

    def _show(self, now: Interpolation) -> None:
        """Bring cards, buttons and slider up to date."""
        model = self.document.model
        if model is None:
            return
        self.cards.describe(self._titles(), tuple(posture_of(model, end.frame) for end in now.ends))
        self.cards.show_picked(now.card)
        self.spaces.choose(_SPACES.index(now.space))
        self.slider.blockSignals(True)
        self.slider.setValue(now.step)
        self.slider.blockSignals(False)
        self.slider.update()
        self.readout.setText(f"{round(100 * now.step / STEPS)} %")

    def _request(self, settled: bool) -> None:
        model, now = self.document.model, self.document.state.interpolate
        if model is None or not self.is_active:
            return
        a, b = (codes_of_end(model, end) for end in now.ends)
        frames = self.upcoming_frames(now.frame, 2 * STEPS)
        steps = [now.step, *(_step_of(frame) for frame in frames)]
        first, *ahead = (blend(a, b, step / STEPS, now.space) for step in steps)
        self.session.request((first,), settled, tuple(ahead))


def _step_of(frame: int) -> int:
    """Of the slider: the timeline goes there and back."""
    return frame if frame <= STEPS else 2 * STEPS - frame
