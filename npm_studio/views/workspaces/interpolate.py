"""From one identity and pose to another with one slider."""

from typing import Literal

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QHBoxLayout, QLabel, QPushButton

from engine.models.named_codes import IdentityFrame
from npm_studio.session.document.explorer import blend
from npm_studio.session.document.timeline import Playable
from npm_studio.session.live.request import MeshReply, Quality
from npm_studio.views.session import Session
from npm_studio.views.viewport_area import ViewportArea
from npm_studio.views.widgets.basics import Section, Segments, note
from npm_studio.views.widgets.slider import BarSlider
from npm_studio.views.workspaces.base import Actions, Workspace
from npm_studio.views.workspaces.identity_pair import IdentityCards, codes_of, posture_of, title_of

STEPS = 60
_SPACES: tuple[Literal["shape", "pose", "both"], ...] = ("shape", "pose", "both")


class InterpolateWorkspace(Workspace):
    """One mesh between two identities; the timeline plays the way there and back."""

    uses_library = True

    def __init__(self, session: Session, viewports: ViewportArea, actions: Actions) -> None:
        super().__init__(session, viewports, actions)
        ends = Section("From A to B")
        self.cards = IdentityCards("A · from", "B · to")
        ends.body.addWidget(note("Click a card, then an identity or a pose in the library."))
        ends.body.addSpacing(2)
        ends.body.addWidget(self.cards)
        swap = QPushButton("Swap A and B")
        swap.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        swap.clicked.connect(self.cards.swap)
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
        self._from_timeline = False
        self.cards.changed.connect(self._on_ends)
        self.spaces.chosen.connect(lambda _: self._request(True))
        self.slider.valueChanged.connect(self._on_slider)
        self.slider.sliderReleased.connect(session.settle)
        session.document.model_changed.connect(self._on_model)

    def enter(self) -> None:
        super().enter()
        self.viewports.clear()
        self.viewports.set_split(False)
        if self.session.document.model is None:
            actions = (self.actions_by_id["file.open_model"], self.actions_by_id["file.demo_model"])
            self.viewports.invite("model", "No model is open", "Open a model folder to interpolate in it.", actions)
            return
        self._request(True)

    def playable(self) -> Playable:
        if self.session.document.model is None:
            return Playable()
        there = [f"{round(100 * step / STEPS)} %" for step in range(STEPS + 1)]
        return Playable(tuple(there + there[-2:0:-1]), 30.0, self.slider.value())

    def show_frame(self, frame: int) -> None:
        self._from_timeline = True
        self.slider.setValue(_step_of(frame))
        self._from_timeline = False

    def show_meshes(self, reply: MeshReply) -> None:
        model = self.session.document.model
        if model is not None:
            self.show_posed_mesh(self.viewports.left, reply.meshes[0], model.info.similarity)
            self.frame_once(model, reply.quality is Quality.FINE)
            a, b = (title_of(model, one) for one in self.cards.identities)
            self.viewports.left.caption.set_text(f"{a}  →  {b}", f"{self.readout.text()} of the way")
            self.report_quality(reply)

    def identity_chosen(self, identity: int) -> None:
        old = self.cards.identities[self.cards.chosen]
        self.cards.set_identity(self.cards.chosen, IdentityFrame(identity, old.frame))

    def frame_chosen(self, row: int) -> None:
        old = self.cards.identities[self.cards.chosen]
        self.cards.set_identity(self.cards.chosen, IdentityFrame(old.identity, row))

    def _on_model(self) -> None:
        model = self.session.document.model
        if model is None:
            return
        last = len(model.info.identities) - 1
        rows = [(own[0], own[len(own) // 2]) if (own := model.frames_of(i)) else (None, None) for i in (0, last)]
        self.cards.identities = [IdentityFrame(0, rows[0][0]), IdentityFrame(last, rows[1][1])]
        for index in (1, 2):
            self.spaces.button(index).setEnabled(model.has_pose)
        self.spaces.choose(2 if model.has_pose else 0)
        self._on_ends()
        if self.is_active:
            self.enter()
            self.clip_changed.emit()

    def _on_ends(self) -> None:
        model = self.session.document.model
        if model is not None:
            a, b = (posture_of(model, one.frame) for one in self.cards.identities)
            self.cards.describe(model, (a, b))
            self._request(True)

    def _on_slider(self) -> None:
        self.readout.setText(f"{round(100 * self.slider.value() / STEPS)} %")
        if self.is_active and not self._from_timeline:
            self.session.document.timeline.seek(self.slider.value())
        self._request(False)

    def _request(self, settled: bool) -> None:
        model = self.session.document.model
        if model is None or not self.is_active:
            return
        a, b = (codes_of(model, one) for one in self.cards.identities)
        frames = self.upcoming_frames(self.session.document.timeline.frame, 2 * STEPS)
        steps = [self.slider.value(), *(_step_of(frame) for frame in frames)]
        now, *ahead = (blend(a, b, step / STEPS, _SPACES[self.spaces.current]) for step in steps)
        self.session.request((now,), settled, tuple(ahead))


def _step_of(frame: int) -> int:
    """Of the slider: the timeline goes there and back."""
    return frame if frame <= STEPS else 2 * STEPS - frame
