"""Two identities side by side in the same pose."""

from dataclasses import replace
from itertools import chain

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QPushButton

from engine.models.named_codes import IdentityFrame
from npm_studio.session.document.explorer import Codes, codes_of_end, posture_of, pretty
from npm_studio.session.document.state import DocumentState
from npm_studio.session.document.state import Transfer as TransferState
from npm_studio.session.document.timeline import Playable
from npm_studio.session.live.request import MeshReply, Quality
from npm_studio.views.session import Session
from npm_studio.views.viewport_area import ViewportArea
from npm_studio.views.widgets.basics import CardFrame, Section, heading, note
from npm_studio.views.workspaces.base import TRAINING_FRAME_RATE, Actions, Workspace
from npm_studio.views.workspaces.identity_pair import IdentityCards


class TransferWorkspace(Workspace):
    """A pose code on two shape codes: left the source, right the target."""

    uses_library = True
    shows_live = True

    def __init__(self, session: Session, viewports: ViewportArea, actions: Actions) -> None:
        super().__init__(session, viewports, actions)
        who = Section("Who")
        self.cards = IdentityCards("Left", "Right")
        who.body.addWidget(note("Click a card, then an identity in the library."))
        who.body.addSpacing(2)
        who.body.addWidget(self.cards)
        swap = QPushButton("Swap left and right")
        swap.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        swap.clicked.connect(self.swap)
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
        self.cards.picked.connect(self.pick)
        self.document.model_changed.connect(self._on_model)

    def enter(self) -> None:
        super().enter()
        self.viewports.clear()
        if self.document.model is None:
            self.viewports.set_split(False)
            actions = (self.actions_by_id["file.open_model"], self.actions_by_id["file.demo_model"])
            self.viewports.invite("model", "No model is open", "Open a model folder to transfer poses in it.", actions)
            return
        self.viewports.set_split(True)
        self.viewports.right.ground.place(self.viewports.left.ground.height)
        self._request(True)

    def playable(self) -> Playable:
        model, row = self.document.model, self.document.state.transfer.row
        if model is None or row is None:
            return Playable()
        rows, frames = self._clip(), model.info.frames
        return Playable(tuple(str(frames[one]) for one in rows), TRAINING_FRAME_RATE, rows.index(row))

    def show_frame(self, frame: int) -> None:
        rows = self._clip()
        if frame < len(rows):
            now = replace(self.document.state.transfer, row=rows[frame])
            self.document.follow(replace(self.document.state, transfer=now))

    def show_meshes(self, reply: MeshReply) -> None:
        model, now = self.document.model, self.document.state.transfer
        if model is None or len(reply.meshes) != 2:
            return
        for view, mesh, identity in zip(self.viewports.views, reply.meshes, now.identities, strict=True):
            self.show_posed_mesh(view, mesh, model.info.similarity)
            view.caption.set_text(pretty(model.info.identities[identity]), self._pose_title.text())
        self.frame_once(model, reply.quality is Quality.FINE)
        self.report_quality(reply)

    def marked_in_library(self) -> tuple[int | None, int | None]:
        now = self.document.state.transfer
        return now.identities[now.card], -1 if now.row is None else now.row

    def pick(self, card: int) -> None:
        """The library changes this side from now on."""
        self.document.follow(replace(self.document.state, transfer=replace(self.document.state.transfer, card=card)))

    def identity_chosen(self, identity: int) -> None:
        now = self.document.state.transfer
        left, right = now.identities
        side = ("Left", "Right")[now.card]
        identities = (identity, right) if now.card == 0 else (left, identity)
        self._change(f"Identity on the {side}", replace(now, identities=identities))

    def frame_chosen(self, row: int) -> None:
        self._change("Pose of Both", replace(self.document.state.transfer, row=row))

    def canonical_pose_chosen(self) -> None:
        self._change("Pose of Both", replace(self.document.state.transfer, row=None))

    def swap(self) -> None:
        left, right = self.document.state.transfer.identities
        self._change("Swap Left and Right", replace(self.document.state.transfer, identities=(right, left)))

    def follow(self, before: DocumentState, after: DocumentState) -> None:
        if before.transfer == after.transfer or before.model != after.model:
            return
        self._describe()
        if not self.is_active:
            return
        row, rows = after.transfer.row, self._clip()
        if before.transfer.row is None or row is None or before.transfer.row not in rows:
            if before.transfer.row != row:
                self.clip_changed.emit()
        else:
            self.document.timeline.place(rows.index(row))
        self._request(not self.document.timeline.playing)

    def _clip(self) -> list[int]:
        """Rows of the pose codes that the timeline plays."""
        explorer = self.document.explorer
        return [] if explorer is None else explorer.clip(self.document.state.transfer.row)

    def _change(self, name: str, now: TransferState) -> None:
        if self.document.model is not None:
            self.document.change(name, replace(self.document.state, transfer=now))

    def _on_model(self) -> None:
        if self.document.model is None:
            return
        self._describe()
        if self.is_active:
            self.enter()
            self.clip_changed.emit()

    def _describe(self) -> None:
        model, now = self.document.model, self.document.state.transfer
        if model is None:
            return
        names = tuple(pretty(model.info.identities[identity]) for identity in now.identities)
        self.cards.describe(names, ("", ""))
        self.cards.show_picked(now.card)
        self._pose_title.setText(posture_of(model, now.row))
        owner = "" if now.row is None else model.info.identities[model.info.frames[now.row].identity]
        self._pose_owner.setText(f"Recorded from {pretty(owner)}" if owner else "As the surfaces are learned")

    def _request(self, settled: bool) -> None:
        model, now = self.document.model, self.document.state.transfer
        if model is None or not self.is_active:
            return
        rows = [now.row]
        if now.row is not None:
            clip = self._clip()
            rows += [clip[frame] for frame in self.upcoming_frames(clip.index(now.row), len(clip))]
        poses = [codes_of_end(model, IdentityFrame(0, row)).pose for row in rows]
        shapes = [codes_of_end(model, IdentityFrame(one)).shape for one in now.identities]
        first, *ahead = (tuple(Codes(shape, pose) for shape in shapes) for pose in poses)
        self.session.request(first, settled, tuple(chain.from_iterable(ahead)))
