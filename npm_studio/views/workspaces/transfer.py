"""Two identities side by side in the same pose."""

from itertools import chain

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QPushButton

from engine.models.named_codes import IdentityFrame
from npm_studio.session.document.explorer import Codes, pretty
from npm_studio.session.document.timeline import Playable
from npm_studio.session.live.request import MeshReply, Quality
from npm_studio.views.session import Session
from npm_studio.views.viewport_area import ViewportArea
from npm_studio.views.widgets.basics import CardFrame, Section, heading, note
from npm_studio.views.workspaces.base import TRAINING_FRAME_RATE, Actions, Workspace
from npm_studio.views.workspaces.identity_pair import IdentityCards, codes_of, posture_of, title_of


class TransferWorkspace(Workspace):
    """A pose code on two shape codes: left the source, right the target."""

    uses_library = True

    def __init__(self, session: Session, viewports: ViewportArea, actions: Actions) -> None:
        super().__init__(session, viewports, actions)
        who = Section("Who")
        self.cards = IdentityCards("Left", "Right")
        who.body.addWidget(note("Click a card, then an identity in the library."))
        who.body.addSpacing(2)
        who.body.addWidget(self.cards)
        swap = QPushButton("Swap left and right")
        swap.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        swap.clicked.connect(self.cards.swap)
        who.body.addSpacing(2)
        who.body.addWidget(swap)
        which = Section("Pose of both")
        self._pose_card = CardFrame()
        self._pose_title, self._pose_owner = heading("–"), note("–")
        self._pose_card.body.addWidget(self._pose_title)
        self._pose_card.body.addWidget(self._pose_owner)
        which.body.addWidget(note("Click a pose in the library; the timeline plays its sequence on both."))
        which.body.addSpacing(2)
        which.body.addWidget(self._pose_card)
        self.column.setSpacing(20)
        self.column.addWidget(who)
        self.column.addWidget(which)
        self.column.addStretch(1)
        self._row: int | None = None
        self._rows: list[int] = []
        self.cards.changed.connect(self._on_choice)
        session.document.model_changed.connect(self._on_model)

    def enter(self) -> None:
        super().enter()
        self.viewports.clear()
        if self.session.document.model is None:
            self.viewports.set_split(False)
            actions = (self.actions_by_id["file.open_model"], self.actions_by_id["file.demo_model"])
            self.viewports.invite("model", "No model is open", "Open a model folder to transfer poses in it.", actions)
            return
        self.viewports.set_split(True)
        self.viewports.right.ground.place(self.viewports.left.ground.height)
        self._request(True)

    def playable(self) -> Playable:
        model = self.session.document.model
        if model is None or self._row is None:
            return Playable()
        frames = model.info.frames
        names = tuple(str(frames[row]) for row in self._rows)
        return Playable(names, TRAINING_FRAME_RATE, self._rows.index(self._row))

    def show_frame(self, frame: int) -> None:
        if frame < len(self._rows):
            self._row = self._rows[frame]
            self._describe()
            self._request(not self.session.document.timeline.playing)

    def show_meshes(self, reply: MeshReply) -> None:
        model = self.session.document.model
        if model is None or len(reply.meshes) != 2:
            return
        for view, mesh, identity in zip(self.viewports.views, reply.meshes, self.cards.identities, strict=True):
            self.show_posed_mesh(view, mesh, model.info.similarity)
            view.caption.set_text(title_of(model, identity), self._pose_title.text())
        self.frame_once(model, reply.quality is Quality.FINE)
        self.report_quality(reply)

    def identity_chosen(self, identity: int) -> None:
        self.cards.set_identity(self.cards.chosen, IdentityFrame(identity))

    def frame_chosen(self, row: int) -> None:
        model = self.session.document.model
        if model is not None:
            wanted = model.info.frames[row]
            self._rows = [
                r for r in model.frames_of(wanted.identity) if model.info.frames[r].sequence == wanted.sequence
            ]
            self._row = row
            self._on_choice()
            self.clip_changed.emit()

    def canonical_pose_chosen(self) -> None:
        self._row, self._rows = None, []
        self._on_choice()
        self.clip_changed.emit()

    def _on_model(self) -> None:
        model = self.session.document.model
        if model is None:
            return
        self.cards.identities = [IdentityFrame(0), IdentityFrame(len(model.info.identities) - 1)]
        self._row, self._rows = None, []
        own = model.frames_of(0)
        if model.has_pose and own:
            self._row = own[0]
            sequence = model.info.frames[own[0]].sequence
            self._rows = [row for row in own if model.info.frames[row].sequence == sequence]
        self._describe()
        if self.is_active:
            self.enter()
            self.clip_changed.emit()

    def _on_choice(self) -> None:
        self._describe()
        self._request(True)

    def _describe(self) -> None:
        model = self.session.document.model
        if model is None:
            return
        self.cards.describe(model, ("", ""))
        posture = posture_of(model, self._row)
        self._pose_title.setText(posture)
        owner = "" if self._row is None else model.info.identities[model.info.frames[self._row].identity]
        self._pose_owner.setText(f"Recorded from {pretty(owner)}" if owner else "As the surfaces are learned")

    def _request(self, settled: bool) -> None:
        model = self.session.document.model
        if model is None or not self.is_active:
            return
        rows = [self._row]
        if self._row is not None:
            frames = self.upcoming_frames(self._rows.index(self._row), len(self._rows))
            rows += [self._rows[frame] for frame in frames]
        poses = [codes_of(model, IdentityFrame(0, row)).pose for row in rows]
        shapes = [codes_of(model, one).shape for one in self.cards.identities]
        now, *ahead = (tuple(Codes(shape, pose) for shape in shapes) for pose in poses)
        self.session.request(now, settled, tuple(chain.from_iterable(ahead)))
