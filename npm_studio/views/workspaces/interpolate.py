"""Through several bodies, one after the other, on a timeline."""

from dataclasses import replace
from functools import partial
from typing import Literal

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QCheckBox, QHBoxLayout, QPushButton, QWidget

from npm_studio.session.document.explorer import codes_of
from npm_studio.session.document.keyframes import (
    FRAME_RATE,
    LONGEST_S,
    MOST_KEYS,
    backwards,
    codes_at,
    frame_count,
    frame_names,
    frame_of,
    frame_there,
    frames_there,
    path_of,
    path_time,
    place_in_words,
    with_body,
    with_key,
    with_time,
    without_key,
)
from npm_studio.session.document.state import DocumentState, Exploration, Interpolation
from npm_studio.session.document.timeline import Playable
from npm_studio.session.jobs.exportable_bodies import Motion, exportable_motion
from npm_studio.session.jobs.exporting import Exportable
from npm_studio.session.live.request import MeshReply
from npm_studio.session.twins import interpolation_command, interpolation_needs_file
from npm_studio.views.codes_file import ask_for_codes_file
from npm_studio.views.session import Session
from npm_studio.views.viewport_area import ViewportArea
from npm_studio.views.widgets.basics import Section, Segments, note
from npm_studio.views.widgets.body_cards import BodyCards, CardText
from npm_studio.views.widgets.dragged import Dragged
from npm_studio.views.widgets.key_track import KeyTrack
from npm_studio.views.widgets.slider import BarSlider
from npm_studio.views.workspaces.base import Actions, Workspace
from npm_studio.views.workspaces.even_speed import EvenSpeed

_SPACES: tuple[Literal["shape", "pose", "both"], ...] = ("shape", "pose", "both")
_REMEMBERED = 50
"""Requests whose frame is known when their mesh comes."""


class InterpolateWorkspace(Workspace):
    """One mesh on its way through keyframes; the timeline plays the way there, or there and back."""

    uses_library = True
    shows_live = True
    has_command_line = True

    def __init__(self, session: Session, viewports: ViewportArea, actions: Actions) -> None:
        super().__init__(session, viewports, actions)
        self.cards = BodyCards(session.portraits, fewest=2)
        self.spaces = Segments(("Shape", "Pose", "Both"))
        self.smooth, self.even, self.back = (QCheckBox(text) for text in ("Smooth", "Constant speed", "There and back"))
        self.track = KeyTrack(self.document.timeline)
        self.speed = EvenSpeed(session)
        self._speed_note = note("")
        self._frames: dict[int, int] = {}
        """Of the latest requests: the frame that each is of."""
        self._make_keys()
        self._make_way()
        self.column.addStretch(1)
        self._connect()
        commands = session.commands
        commands.handle("edit.add_keyframe", self.add_shown)
        commands.provide("can_add_keyframe", lambda: self.is_active and len(self.now.keys) in range(2, MOST_KEYS))

    def _make_keys(self) -> None:
        keys = Section("Keyframes")
        keys.body.addWidget(note("Click a card, then a body or a pose on the left; or drag it onto the card."))
        keys.body.addWidget(self.cards)
        row = QHBoxLayout()
        row.setSpacing(6)
        self.add, self.add_explored = QPushButton("Add this body"), QPushButton("Add from Explore")
        where = "where the timeline is, or behind the last one if there is one already"
        self.add.setToolTip(f"A keyframe of the body on show, {where} (K)")
        self.add_explored.setToolTip(f"A keyframe of the body on show in Explore, {where}")
        for button in (self.add, self.add_explored):
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            row.addWidget(button)
        keys.body.addLayout(row)
        self.column.setSpacing(18)
        self.column.addWidget(keys)

    def _make_way(self) -> None:
        way = Section("Path")
        self.smooth.setToolTip("Codes turn gently at keyframes, and do not go straight from each to the next")
        self.even.setToolTip("The surface moves by the same amount from frame to frame; keyframes have no times then")
        self.back.setToolTip("The timeline goes to the last keyframe and back to the first")
        turn = QPushButton("Reverse")
        turn.setToolTip("The last keyframe first")
        turn.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        turn.clicked.connect(self.reverse)
        way.body.addWidget(self.spaces)
        for box in (self.smooth, self.even):
            way.body.addWidget(box)
        way.body.addWidget(self._speed_note)
        row = QHBoxLayout()
        row.addWidget(self.back)
        row.addStretch(1)
        row.addWidget(turn)
        way.body.addLayout(row)
        self.column.addWidget(way)

    def _connect(self) -> None:
        self.cards.picked.connect(self.pick)
        self.cards.dropped.connect(self._on_drop)
        self.cards.removed.connect(self._on_removed)
        self.cards.timed.connect(lambda place, seconds: self._move_key(place, seconds))
        self.track.picked.connect(self.pick)
        self.track.moved.connect(partial(self._move_key, is_drag=True))
        self.track.released.connect(self._on_released)
        self.track.removed.connect(self._on_removed)
        self.add.clicked.connect(self.add_shown)
        self.add_explored.clicked.connect(self.add_explore)
        self.spaces.chosen.connect(self._on_space)
        self.smooth.clicked.connect(lambda on: self._change("Smooth Way", replace(self.now, smooth=on)))
        self.even.clicked.connect(lambda on: self._change("Constant Speed", replace(self.now, constant_speed=on)))
        self.back.clicked.connect(self._on_back)
        self.speed.changed.connect(self._on_speed)
        self.speed.advanced.connect(self._show_speed)
        self.document.model_changed.connect(self._on_model)

    @property
    def now(self) -> Interpolation:
        return self.document.state.interpolate

    def enter(self) -> None:
        super().enter()
        self.viewports.clear()
        self.viewports.set_split(False)
        self.viewports.place_floor()
        if self.document.model is None:
            actions = (self.actions_by_id["file.open_model"], self.actions_by_id["file.demo_model"])
            self.viewports.invite("model", "No model is open", "Open a model folder to interpolate in it.", actions)
            return
        self.track.show()
        self._show()
        self._request(True)

    def leave(self) -> None:
        super().leave()
        self.track.hide()

    def below_timeline(self, slider: BarSlider) -> QWidget | None:
        self.track.stand_under(slider)
        return self.track

    def playable(self) -> Playable:
        if self.document.model is None or len(self.now.keys) < 2:
            return Playable()
        return Playable(frame_names(self.now), FRAME_RATE, self.now.frame)

    def show_frame(self, frame: int) -> None:
        self.document.follow(replace(self.document.state, interpolate=replace(self.now, frame=frame)))

    def show_meshes(self, reply: MeshReply) -> None:
        model = self.document.model
        if model is not None:
            self.show_posed_mesh(self.viewports.left, reply.meshes[0], model.info.similarity)
            frame = min(self._frames.get(reply.generation, self.now.frame), frame_count(self.now) - 1)
            words = place_in_words(self.now, frame, self.speed.times)
            self.viewports.left.caption.set_text(*words)  # which leaves less room
            self.frame_live(model, reply)
            self.report_quality(reply)

    @property
    def can_export(self) -> bool:
        return self.document.model is not None and len(self.now.keys) > 1

    def exportables(self) -> list[Exportable]:
        """All frames that are played, those of the way there alone, and the body on show."""
        model, now = self.document.model, self.now
        if model is None or not self.can_export:
            return []
        played, there, shown = range(frame_count(now)), range(frames_there(now)), range(now.frame, now.frame + 1)
        wanted = [(f"There and back: {len(played)} frames", played)] if now.there_and_back else []
        wanted += [(f"The way there: {len(there)} frames", there), ("The body on show", shown)]
        name = f"{now.keys[0].body.shape_name} to {now.keys[-1].body.shape_name}"
        return [
            exportable_motion(model, Motion(title, name, codes_at(now, frames, self.speed.times), FRAME_RATE))
            for title, frames in wanted
        ]

    def marked_in_library(self) -> tuple[int | None, int | None]:
        body = self._chosen
        return (None, None) if body is None else (body.identity, -1 if body.pose is None else body.row)

    def body_on_show(self) -> Exploration | None:
        return self._chosen

    def pick(self, card: int) -> None:
        """Show this keyframe, which the library changes from now on."""
        self.document.timeline.pause()
        frame = frame_of(self.now, card, self.speed.times) if card < len(self.now.keys) else self.now.frame
        self.document.follow(replace(self.document.state, interpolate=replace(self.now, card=card, frame=frame)))

    def identity_chosen(self, identity: int) -> None:
        if (explorer := self.document.explorer) is not None and self._chosen is not None:
            self._change_body("Identity", explorer.with_identity(self._chosen, identity))

    def frame_chosen(self, row: int) -> None:
        if (explorer := self.document.explorer) is not None and self._chosen is not None:
            self._change_body("Pose", explorer.with_frame(self._chosen, row))

    def canonical_pose_chosen(self) -> None:
        if (explorer := self.document.explorer) is not None and self._chosen is not None:
            self._change_body("Pose", explorer.in_canonical_pose(self._chosen))

    def body_chosen(self, body: Exploration) -> None:
        if self.can_show(body):
            self._change_body("Body", body)

    def add_shown(self) -> None:
        """A keyframe of the body on show, where the timeline is."""
        codes = codes_at(self.now, [self.now.frame], self.speed.times)[0]
        pose = None if codes.pose is None else tuple(codes.pose.tolist())
        time_s = path_time(self.now, self.now.frame, self.speed.times)
        near = next((key.body for key in self.now.keys if abs(key.time_s - time_s) < 0.5 / FRAME_RATE), None)
        between = Exploration(tuple(codes.shape.tolist()), pose, "In between", "Pose in between")
        self._add(near or between)

    def add_explore(self) -> None:
        """A keyframe of the body on show in Explore."""
        self._add(self.document.state.explore)

    def take_chosen_away(self) -> bool:
        if len(self.now.keys) > 2:
            self._on_removed(self.now.card)
        else:
            self.session.message.emit("Two keyframes always stay.")
        return True

    def reverse(self) -> None:
        self._change("Reverse Keyframes", backwards(self.now))

    def command_line(self) -> str | None:
        model, place = self.document.model, self.document.model_folder
        if model is None or place is None:
            return None
        codes = None
        if interpolation_needs_file(model, self.now):
            path = path_of(self.now)
            codes = ask_for_codes_file(self, path.shapes, path.poses)
            if codes is None:
                return ""
        return interpolation_command(place, model, self.now, codes)

    def follow(self, before: DocumentState, after: DocumentState) -> None:
        if before.interpolate == after.interpolate or before.model != after.model or len(after.interpolate.keys) < 2:
            return
        same_way = replace(before.interpolate, frame=0, card=0) == replace(after.interpolate, frame=0, card=0)
        if not same_way or before.interpolate.card != after.interpolate.card:
            self._show()
        if not self.is_active:
            return
        if frame_names(before.interpolate) == frame_names(after.interpolate):
            self.document.timeline.place(after.interpolate.frame)
        else:
            self.clip_changed.emit()
        self._request(settled=not same_way)

    @property
    def _chosen(self) -> Exploration | None:
        """The body that the library changes."""
        now = self.now
        return now.keys[now.card].body if now.card < len(now.keys) else None

    def _on_model(self) -> None:
        model = self.document.model
        if model is None:
            return
        for index in (1, 2):
            self.spaces.button(index).setEnabled(model.has_pose)
        self._show()
        if self.is_active:
            self.enter()
            self.clip_changed.emit()

    def _add(self, body: Exploration) -> None:
        if self.document.model is not None and len(self.now.keys) < MOST_KEYS:
            time_s = path_time(self.now, self.now.frame, self.speed.times)
            after = with_key(self.now, body, time_s)
            if after is self.now:
                self.session.message.emit(
                    f"There is no time for another keyframe: a path takes {LONGEST_S:.0f} s at most."
                )
                return
            self._change("Add Keyframe", replace(after, frame=round(after.keys[after.card].time_s * FRAME_RATE)))

    def _change_body(self, what: str, body: Exploration) -> None:
        place = self.now.card
        self._change(f"{what} of Keyframe {place + 1}", self._at_key(with_body(self.now, place, body), place))

    def _move_key(self, place: int, seconds: float, is_drag: bool = False) -> None:
        moved = self._at_key(with_time(self.now, place, seconds), place)
        self._change("Move Keyframe", moved, f"keyframe {place}" if is_drag else None)

    def _at_key(self, now: Interpolation, place: int) -> Interpolation:
        """With the keyframe at ``place`` on show, so that one sees what has become of it."""
        if self.document.timeline.playing:
            return now
        return replace(now, frame=frame_of(now, place, self.speed.times))

    def _change(self, name: str, now: Interpolation, merge: object = None) -> None:
        if self.document.model is not None:
            self.document.change(name, replace(self.document.state, interpolate=now), merge)
            self._show()  # where nothing came of it, what was typed goes

    def _on_drop(self, place: int, what: Dragged) -> None:
        self.pick(place)
        self.take_dragged(what)

    def _on_removed(self, place: int) -> None:
        self._change("Delete Keyframe", without_key(self.now, place))

    def _on_space(self, index: int) -> None:
        self._change("Interpolated Space", replace(self.now, space=_SPACES[index]))

    def _on_back(self, on: bool) -> None:
        there = frame_there(self.now, self.now.frame)
        self._change("There and Back", replace(self.now, there_and_back=on, frame=there))

    def _on_released(self) -> None:
        self.document.end_step()
        self.session.settle()

    def _on_speed(self) -> None:
        self._show()
        self._request(True)

    def _show_speed(self) -> None:
        self._speed_note.setText(self.speed.words)
        self._speed_note.setVisible(bool(self.speed.words))

    def _show(self) -> None:
        """Bring cards, buttons and track up to date."""
        now = self.now
        if self.document.model is None or len(now.keys) < 2:
            return
        last = len(now.keys) - 1
        self.cards.describe(
            [
                CardText(
                    "From" if place == 0 else "To" if place == last else "Through",
                    key.body.shape_name,
                    key.body.pose_name,
                    codes_of(key.body),
                    None if now.constant_speed and place < last else key.time_s,
                )
                for place, key in enumerate(now.keys)
            ],
            now.card,
        )
        self.spaces.choose(_SPACES.index(now.space))
        for box, on in ((self.smooth, now.smooth), (self.even, now.constant_speed), (self.back, now.there_and_back)):
            box.setChecked(on)
        for button in (self.add, self.add_explored):
            button.setEnabled(len(now.keys) < MOST_KEYS)
        self.speed.follow(now if self.is_active else None)
        self.track.show_keys(now, self.speed.times)
        self._show_speed()

    def _request(self, settled: bool) -> None:
        now = self.now
        if self.document.model is None or not self.is_active or len(now.keys) < 2:
            return
        frames = [now.frame, *self.upcoming_frames(now.frame, frame_count(now))]
        first, *ahead = codes_at(now, frames, self.speed.times)
        self.session.request((first,), settled, tuple(ahead))
        self._frames[self.session.latest_generation] = now.frame
        for old in list(self._frames)[:-_REMEMBERED]:
            del self._frames[old]
