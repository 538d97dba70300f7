"""Several bodies side by side in one pose, or in the poses of a fitted sequence."""

from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QHBoxLayout, QPushButton
from torch import Tensor

from engine.core.errors import InputError
from engine.methods.run import Run
from npm_studio.session.document.explorer import Codes, codes_of, posture_of, pretty
from npm_studio.session.document.floor_places import floor_places
from npm_studio.session.document.state import DocumentState, Exploration
from npm_studio.session.document.state import Transfer as TransferState
from npm_studio.session.document.timeline import Playable
from npm_studio.session.jobs.exportable_bodies import Motion, exportable_motion
from npm_studio.session.jobs.exporting import Exportable, all_of
from npm_studio.session.live.request import MeshReply
from npm_studio.session.twins import transfer_command
from npm_studio.views.session import Session
from npm_studio.views.viewport_area import ViewportArea
from npm_studio.views.widgets.basics import Section, note
from npm_studio.views.widgets.body_cards import BodyCards, CardText
from npm_studio.views.widgets.dragged import Dragged
from npm_studio.views.workspaces.base import TRAINING_FRAME_RATE, Actions, Workspace

MOST_BODIES = 4
REMEMBERED = 50
"""Requests whose frame is known when their meshes come."""
_GOES = "Bodies go where the subject of the run went, each with its feet on the floor in every frame."
_STAYS = "Bodies stay on the spot: the run does not say where on a floor its subject was."
_RUN_RATE = 30.0
"""Frames per second of a run that does not say."""


class TransferWorkspace(Workspace):
    """A pose code on several shape codes, each in a view of its own."""

    uses_library = True
    shows_live = True
    has_command_line = True

    def __init__(self, session: Session, viewports: ViewportArea, actions: Actions) -> None:
        super().__init__(session, viewports, actions)
        self.cards = BodyCards(session.portraits, fewest=1)
        self._frames: dict[int, int] = {}
        """Of the latest requests: the frame that each is of."""
        self._walked: tuple[Run, NDArray[np.float64] | None] | None = None
        """A run, and its places."""
        who = Section("Bodies")
        who.body.addWidget(note("Click a card, then a body on the left; or drag it onto the card."))
        who.body.addWidget(self.cards)
        self.add, self.add_explored = QPushButton("Add a body"), QPushButton("Add from Explore")
        self.add.setToolTip(f"Show the pose on one more identity, up to {MOST_BODIES} bodies")
        self.add_explored.setToolTip("Show the pose on the body that Explore shows")
        row = QHBoxLayout()
        row.setSpacing(6)
        for button in (self.add, self.add_explored):
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            row.addWidget(button)
        who.body.addLayout(row)
        which = Section("Pose of all")
        self.pose_card = BodyCards(session.portraits, fewest=1)
        which.body.addWidget(
            note("Click a pose or a fit on the left, or drag one here; the timeline plays its sequence on all.")
        )
        which.body.addWidget(self.pose_card)
        self.explored = QPushButton("Pose from Explore")
        self.explored.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        which.body.addWidget(self.explored)
        self._on_the_spot = note("")
        which.body.addWidget(self._on_the_spot)
        self.column.setSpacing(18)
        self.column.addWidget(who)
        self.column.addWidget(which)
        self.column.addStretch(1)
        self.cards.picked.connect(self.pick)
        self.cards.dropped.connect(self._on_drop)
        self.cards.removed.connect(self._on_removed)
        self.pose_card.dropped.connect(lambda _, what: self._on_pose_drop(what))
        self.add.clicked.connect(self.add_identity)
        self.add_explored.clicked.connect(self.add_explore)
        self.explored.clicked.connect(self.take_explore_pose)
        self.document.model_changed.connect(self._on_model)
        self.document.contents_changed.connect(self._describe)

    @property
    def now(self) -> TransferState:
        return self.document.state.transfer

    def enter(self) -> None:
        super().enter()
        self.viewports.clear()
        if self.document.model is None or not self.now.bodies:
            self.viewports.set_split(False)
            actions = (self.actions_by_id["file.open_model"], self.actions_by_id["file.demo_model"])
            self.viewports.invite("model", "No model is open", "Open a model folder to transfer poses in it.", actions)
            return
        self._show_views()
        self._request(True)

    def playable(self) -> Playable:
        explorer, now = self.document.explorer, self.now
        if explorer is None:
            return Playable()
        if (names := self._run_frames()) is not None:
            return Playable(names, self._run_rate(), min(now.frame, len(names) - 1))
        if now.source.clip_row is None:
            return Playable()
        rows, frames = explorer.clip(now.source.clip_row), explorer.model.info.frames
        names, place = tuple(str(frames[row]) for row in rows), rows.index(now.source.clip_row)
        return Playable(names, TRAINING_FRAME_RATE, place, is_on_show=now.source.row is not None)

    def show_frame(self, frame: int) -> None:
        explorer, now = self.document.explorer, self.now
        if explorer is None:
            return
        if self._run_frames() is not None:
            now = replace(now, frame=frame)
        elif frame < len(rows := explorer.clip(now.source.clip_row)):
            now = replace(now, source=explorer.with_frame(now.source, rows[frame]))
        self.document.follow(replace(self.document.state, transfer=now))

    def show_meshes(self, reply: MeshReply) -> None:
        model, now = self.document.model, self.now
        if model is None or len(reply.meshes) != len(now.bodies) or len(self.viewports.views) != len(now.bodies):
            return
        pose, places = self._pose_words()[0], self._places()
        frame = self._frames.get(reply.generation, now.frame)
        place = None if places is None else places[min(frame, len(places) - 1)]
        for view, mesh, body in zip(self.viewports.views, reply.meshes, now.bodies, strict=True):
            self.show_posed_mesh(view, mesh, model.info.similarity, place)
            view.focus = None if places is None else _around(places, view.mesh.vertices, view.ground.height)
            view.caption.set_text(body.shape_name, pose)
        self.frame_live(model, reply)
        self.report_quality(reply)

    @property
    def can_export(self) -> bool:
        return self.document.model is not None and bool(self.now.bodies)

    def exportables(self) -> list[Exportable]:
        """Each body in all frames that are played, and in the one on show; the chosen body first, all of them last."""
        explorer, now = self.document.explorer, self.now
        if explorer is None or not now.bodies:
            return []
        poses, names, rate, places = self._played()
        shown, pose_now = min(self._frame_on_show(), len(poses) - 1), self._pose_of(now.frame)
        chosen = now.card if now.card < len(now.bodies) else 0
        order = [chosen, *(place for place in range(len(now.bodies)) if place != chosen)]
        motions = []
        for place in order:
            body = now.bodies[place]
            codes = [Codes(codes_of(body).shape, pose) for pose in poses]
            called = f"{body.shape_name}: all {len(poses)} frames"
            if len(poses) > 1:
                motions.append(Motion(called, body.shape_name, codes, rate, names, places))
            where = None if places is None else places[shown : shown + 1]
            still = [Codes(codes_of(body).shape, pose_now)]
            called = f"{body.shape_name}: the frame on show" if len(poses) > 1 else body.shape_name
            motions.append(Motion(called, body.shape_name, still, rate, places=where))
        each = [exportable_motion(explorer.model, motion) for motion in motions]
        if len(order) < 2:
            return each
        step = len(each) // len(order)
        kinds = [f": all {len(poses)} frames", ": the frame on show"] if step > 1 else [""]
        together = [
            all_of(f"All {len(order)} bodies{kind}", "bodies", [each[step * order.index(p) + k] for p in sorted(order)])
            for k, kind in enumerate(kinds)
        ]
        return each + together

    def marked_in_library(self) -> tuple[int | None, int | None]:
        body, source = self.body_on_show(), self.now.source
        row = None if self.now.run is not None else -1 if source.pose is None else source.row
        return None if body is None else body.identity, row

    def body_on_show(self) -> Exploration | None:
        now = self.now
        return now.bodies[now.card] if now.card < len(now.bodies) else None

    def pick(self, card: int) -> None:
        """The library changes this body from now on."""
        self.document.follow(replace(self.document.state, transfer=replace(self.now, card=card)))

    def identity_chosen(self, identity: int) -> None:
        if (explorer := self.document.explorer) is not None:
            self._change_body(explorer.trained(identity))

    def body_chosen(self, body: Exploration) -> None:
        if self.can_show(body):
            self._change_body(body)

    def frame_chosen(self, row: int) -> None:
        if (explorer := self.document.explorer) is not None:
            self._change_pose(explorer.with_frame(self.now.source, row))

    def canonical_pose_chosen(self) -> None:
        if (explorer := self.document.explorer) is not None:
            self._change_pose(explorer.in_canonical_pose(self.now.source))

    def run_chosen(self, folder: Path) -> None:
        """All take the poses of a run, frame by frame."""
        if self.bodies_of(folder):
            frame = self.session.fitted.frame_on_show(folder)
            self._change("Poses of a Run", replace(self.now, run=folder, frame=frame))

    def take_explore_pose(self) -> None:
        """All take the pose that Explore shows."""
        self._change_pose(self.document.state.explore)

    def add_explore(self) -> None:
        """One more body: that of Explore."""
        self._add(self.document.state.explore)

    def add_identity(self) -> None:
        """One more body: the first identity that is not there yet."""
        explorer = self.document.explorer
        if explorer is not None:
            taken = {body.identity for body in self.now.bodies}
            free = (one for one in range(len(explorer.model.info.identities)) if one not in taken)
            self._add(explorer.trained(next(free, 0)))

    def take_chosen_away(self) -> bool:
        if len(self.now.bodies) > 1:
            self._on_removed(self.now.card)
        else:
            self.session.message.emit("One body always stays.")
        return True

    def command_line(self) -> str | None:
        model, place = self.document.model, self.document.model_folder
        return None if model is None or place is None else transfer_command(place, model, self.now)

    def follow(self, before: DocumentState, after: DocumentState) -> None:
        old, new = before.transfer, after.transfer
        if old == new or before.model != after.model or not new.bodies:
            return
        self._describe()
        if not self.is_active:
            return
        if len(old.bodies) != len(new.bodies):
            self._show_views()
        explorer = self.document.explorer
        rows = [] if explorer is None else explorer.clip(new.source.clip_row)
        if old.run != new.run or (new.run is None and old.source.clip_row not in rows and old.source != new.source):
            self.clip_changed.emit()
        elif new.run is not None:
            self.document.timeline.place(new.frame)
        elif new.source.clip_row in rows:
            self.document.timeline.place(rows.index(new.source.clip_row), new.source.row is not None)
        self._request(not self.document.timeline.playing)

    # ---- inside

    def _show_views(self) -> None:
        """A view for each body."""
        self.viewports.set_view_count(len(self.now.bodies))
        self.viewports.place_floor()
        for view in self.viewports.views[1:]:
            view.ground.place(self.viewports.left.ground.height)

    def _add(self, body: Exploration) -> None:
        if body.shape and len(self.now.bodies) < MOST_BODIES:
            bodies = (*self.now.bodies, body)
            self._change("Add Body", replace(self.now, bodies=bodies, card=len(bodies) - 1))

    def _change_body(self, body: Exploration) -> None:
        card, bodies = self.now.card, self.now.bodies
        if card < len(bodies):
            self._change(f"Body {card + 1}", replace(self.now, bodies=(*bodies[:card], body, *bodies[card + 1 :])))

    def _change_pose(self, source: Exploration) -> None:
        self._change("Pose of All", replace(self.now, source=source, run=None, frame=0))

    def _change(self, name: str, now: TransferState) -> None:
        if self.document.model is not None:
            self.document.change(name, replace(self.document.state, transfer=now))

    def _on_drop(self, place: int, what: Dragged) -> None:
        """Onto a body: its shape; of a run the shape that was found."""
        self.pick(place)
        if what.kind == "run":
            super().run_chosen(self.document.runs[what.number].folder.resolve())
        else:
            self.take_dragged(what)

    def _on_pose_drop(self, what: Dragged) -> None:
        """Onto the pose: that of a bookmark, and not its shape."""
        if what.kind == "bookmark":
            body = self.document.state.bookmarks[what.number].exploration
            if self.can_show(body):
                self._change_pose(body)
        elif what.kind != "identity":
            self.take_dragged(what)

    def _on_removed(self, place: int) -> None:
        bodies = tuple(body for index, body in enumerate(self.now.bodies) if index != place)
        self._change("Take Body Away", replace(self.now, bodies=bodies, card=min(self.now.card, len(bodies) - 1)))

    def _on_model(self) -> None:
        if self.document.model is None:
            return
        self._describe()
        if self.is_active:
            self.enter()
            self.clip_changed.emit()

    def _run_frames(self) -> tuple[str, ...] | None:
        """Names of the frames of the run whose poses are taken; None where it is none, or cannot be used."""
        run = self.document.run_at(self.now.run)
        return None if run is None or not self._run_bodies() else tuple(run.frame_names)

    def _run_bodies(self) -> tuple[Exploration, ...]:
        try:
            return () if self.now.run is None else self.session.fitted.of(self.now.run)
        except InputError:
            return ()

    def _places(self) -> NDArray[np.float64] | None:
        """Where the subject of the run was, (F, 4, 4); None where bodies stay on the spot."""
        run = self.document.run_at(self.now.run)
        if run is None or not self._run_bodies():
            return None
        if self._walked is None or self._walked[0] is not run:
            self._walked = run, floor_places(run)
        return self._walked[1]

    def _run_rate(self) -> float:
        run = self.document.run_at(self.now.run)
        steps = np.diff(run.meshes.times_s) if run is not None else np.empty(0)
        return float(1 / np.median(steps)) if len(steps) and np.median(steps) > 0 else _RUN_RATE

    def _played(self) -> tuple[list[Tensor | None], tuple[str, ...], float, NDArray[np.float64] | None]:
        """Poses of all frames, names for files, frames per second, and places."""
        explorer, now = self.document.explorer, self.now
        assert explorer is not None
        if (names := self._run_frames()) is not None:
            poses = [self._pose_of(frame) for frame in range(len(names))]
            return poses, names, self._run_rate(), self._places()
        if now.source.clip_row is None:
            return [self._pose_of(now.frame)], (), TRAINING_FRAME_RATE, None
        rows = explorer.clip(now.source.clip_row)
        played = [codes_of(explorer.with_frame(now.source, row)).pose for row in rows]
        return played, (), self.document.timeline.frame_rate, None

    def _frame_on_show(self) -> int:
        explorer, now = self.document.explorer, self.now
        if now.run is not None or explorer is None or now.source.clip_row is None:
            return now.frame
        return explorer.clip(now.source.clip_row).index(now.source.clip_row)

    def _pose_words(self) -> tuple[str, str]:
        """What the pose is called, and where it is from."""
        explorer, now = self.document.explorer, self.now
        if explorer is None:
            return "", ""
        if now.run is not None:
            bodies = self._run_bodies()
            if not bodies:
                return "Canonical pose", f"{now.run.name} is not open"
            return f"Frame {min(now.frame + 1, len(bodies))} of {len(bodies)}", f"Fit {now.run.name}"
        if now.source.row is not None:
            frame = explorer.model.info.frames[now.source.row]
            whose = pretty(explorer.model.info.identities[frame.identity])
            return posture_of(explorer.model, now.source.row), f"From {whose}"
        if now.source.pose is None:
            return posture_of(explorer.model, None), "In which surfaces are learned"
        return now.source.pose_name, "From Explore"

    def _describe(self) -> None:
        now, explorer = self.now, self.document.explorer
        if explorer is None or not now.bodies:
            return
        count = len(now.bodies)
        texts = [
            CardText(f"{place + 1} of {count}", body.shape_name, "", Codes(codes_of(body).shape))
            for place, body in enumerate(now.bodies)
        ]
        self.cards.describe(texts, now.card)
        title, owner = self._pose_words()
        shown = Codes(explorer.mean("shape"), self._pose_of(now.frame))
        self.pose_card.describe([CardText("Run" if now.run is not None else "Pose", title, owner, shown)], -1)
        self._on_the_spot.setText(_STAYS if self._places() is None else _GOES)
        self._on_the_spot.setVisible(now.run is not None)
        for button in (self.add, self.add_explored):
            button.setEnabled(count < MOST_BODIES)

    def _pose_of(self, frame: int) -> Tensor | None:
        """The pose code of all, (Cp,); None is the canonical pose."""
        bodies = self._run_bodies()
        if self.now.run is not None:
            return codes_of(bodies[min(frame, len(bodies) - 1)]).pose if bodies else None
        return codes_of(self.now.source).pose

    def _request(self, settled: bool) -> None:
        explorer, now = self.document.explorer, self.now
        if explorer is None or not self.is_active or not now.bodies:
            return
        poses = [self._pose_of(now.frame)]
        if now.run is not None:
            poses += [self._pose_of(frame) for frame in self.upcoming_frames(now.frame, len(self._run_bodies()))]
        elif now.source.clip_row is not None:
            clip = explorer.clip(now.source.clip_row)
            coming = self.upcoming_frames(clip.index(now.source.clip_row), len(clip))
            poses += [codes_of(explorer.with_frame(now.source, clip[frame])).pose for frame in coming]
        shapes = [codes_of(body).shape for body in now.bodies]
        first, *ahead = (tuple(Codes(shape, pose) for shape in shapes) for pose in poses)
        self.session.request(first, settled, tuple(chain.from_iterable(ahead)))
        self._frames[self.session.latest_generation] = now.frame
        for old in list(self._frames)[:-REMEMBERED]:
            del self._frames[old]


def _around(places: NDArray[np.float64], vertices: NDArray[np.float32], ground: float) -> NDArray[np.float64]:
    """(2, 3) corners of where a body with ``vertices`` (V, 3) goes, at all its ``places`` (F, 4, 4), metres."""
    height = float(np.ptp(vertices[:, 1])) if len(vertices) else 0.0
    way, reach = places[:, :3, 3], np.array([height / 4, 0.0, height / 4])
    low, high = way.min(axis=0) - reach, way.max(axis=0) + reach
    low[1], high[1] = ground, ground + height
    return np.stack([low, high])
