"""Sliders through the spaces of shapes and poses."""

from dataclasses import replace
from functools import partial

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from npm_studio.session.commands.registry import Choice
from npm_studio.session.document.explorer import Codes, Explorer, Space, codes_of
from npm_studio.session.document.state import Bookmark, DocumentState, Exploration
from npm_studio.session.document.timeline import Playable
from npm_studio.session.live.request import MeshReply, Quality
from npm_studio.views.session import Session
from npm_studio.views.viewport_area import ViewportArea
from npm_studio.views.widgets.basics import Section, note
from npm_studio.views.widgets.slider import DirectionSlider
from npm_studio.views.workspaces.base import TRAINING_FRAME_RATE, Actions, Workspace
from npm_studio.views.workspaces.slicing import Slicing

MOST_SLIDERS = 32
"""Later directions hold little but noise."""


class SliderList(Section):
    """Sliders of one space; as many as fit are seen, the others are scrolled to."""

    def __init__(self, title: str, space: Space, actions: Actions) -> None:
        buttons = [actions[f"edit.random_{space}"], actions[f"edit.reset_{space}"]]
        super().__init__(title, buttons)
        self.space = space
        self.sliders: list[DirectionSlider] = []
        self._empty = note("")
        self._area = QScrollArea()
        self._area.setWidgetResizable(True)
        self._area.setFrameShape(QFrame.Shape.NoFrame)
        self._area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.body.addWidget(self._empty)
        self.body.addWidget(self._area, 1)

    def fill(self, explorer: Explorer | None) -> None:
        """Sliders for the directions of ``explorer``'s space."""
        self.sliders = []
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 10, 0)
        column.setSpacing(2)
        count = 0 if explorer is None else explorer.directions(self.space)
        shares = explorer.share_of_variance(self.space).tolist() if explorer is not None and count else []
        name = self.space.capitalize()
        for index in range(min(count, MOST_SLIDERS)):
            tooltip = (
                f"{name} direction {index + 1} of {count}: {shares[index]:.0%} of the variance of the training "
                f"{'identities' if self.space == 'shape' else 'frames'}, in standard deviations. "
                "Double-click to go back to the mean."
            )
            slider = DirectionSlider(f"{name} {index + 1}", tooltip)
            self.sliders.append(slider)
            column.addWidget(slider)
        column.addStretch(1)
        self._area.setWidget(inside)
        self._area.setVisible(count > 0)
        self._empty.setVisible(count == 0)
        nothing = "a single training identity" if self.space == "shape" else "no pose part"
        self._empty.setText("" if explorer is None else f"This model has {nothing}, so there is nothing to move.")


class ExploreWorkspace(Workspace):
    """One mesh, moved by sliders, by the library, or by playing a training sequence."""

    uses_library = True
    shows_live = True
    shows_slices = True

    def __init__(self, session: Session, viewports: ViewportArea, actions: Actions) -> None:
        super().__init__(session, viewports, actions)
        self.shape, self.pose = SliderList("Shape", "shape", actions), SliderList("Pose", "pose", actions)
        self.column.setSpacing(16)
        self.column.addWidget(self.shape, 1)
        self.column.addWidget(self.pose, 1)
        self.slicing = Slicing(session, viewports)
        self.column.addWidget(self.slicing.section)
        self._by_slider = False
        self.document.model_changed.connect(self._on_model)
        viewports.changed.connect(self._caption)
        commands = session.commands
        for space in ("shape", "pose"):
            commands.handle(f"edit.reset_{space}", getattr(self, f"reset_{space}"))
            commands.handle(f"edit.random_{space}", getattr(self, f"randomise_{space}"))
        commands.handle("edit.add_bookmark", self.add_bookmark)
        commands.offer("edit.bookmarks", self._bookmarks)
        commands.provide("explores", lambda: self.is_active and self.explorer is not None)
        commands.provide("explores_poses", lambda: self.is_active and self._has_pose)

    @property
    def explorer(self) -> Explorer | None:
        return self.document.explorer

    def enter(self) -> None:
        super().enter()
        self.viewports.clear()
        self.viewports.set_split(False)
        self.slicing.enter(self.explorer)
        if self.explorer is None:
            open_model, demo = self.actions_by_id["file.open_model"], self.actions_by_id["file.demo_model"]
            text = "Open a model folder (NAME.npm), or drop one here, to move through its shapes and poses."
            self.viewports.invite("model", "No model is open", text, (open_model, demo))
            return
        self._request(settled=True)

    def leave(self) -> None:
        super().leave()
        self.slicing.leave()

    def playable(self) -> Playable:
        explorer, now = self.explorer, self.document.state.explore
        if explorer is None or now.clip_row is None:
            return Playable()
        rows, frames = explorer.clip(now.clip_row), explorer.model.info.frames
        return Playable(tuple(str(frames[row]) for row in rows), TRAINING_FRAME_RATE, rows.index(now.clip_row))

    def show_frame(self, frame: int) -> None:
        explorer, now = self.explorer, self.document.state.explore
        if explorer is None:
            return
        rows = explorer.clip(now.clip_row)
        if frame < len(rows):
            self.document.follow(replace(self.document.state, explore=explorer.with_frame(now, rows[frame])))

    def show_meshes(self, reply: MeshReply) -> None:
        model = self.document.model
        if model is None:
            return
        mesh, similarity = reply.meshes[0], model.info.similarity
        if self._framed is not model and len(mesh.vertices):
            height = float(similarity.to_world(mesh.vertices)[:, 1].min())
            self.viewports.left.ground.place(height)
        self.show_posed_mesh(self.viewports.left, mesh, similarity)
        self.slicing.follow()
        self.frame_once(model, reply.quality is Quality.FINE)
        self._caption()
        self.report_quality(reply)

    def marked_in_library(self) -> tuple[int | None, int | None]:
        now = self.document.state.explore
        return now.identity, -1 if now.pose is None else now.row

    def identity_chosen(self, identity: int) -> None:
        if (explorer := self.explorer) is not None:
            now = explorer.with_identity(self.document.state.explore, identity)
            self._change(now.shape_name, now)

    def frame_chosen(self, row: int) -> None:
        if (explorer := self.explorer) is not None:
            now = explorer.with_frame(self.document.state.explore, row)
            self._change(now.pose_name, now)

    def canonical_pose_chosen(self) -> None:
        if (explorer := self.explorer) is not None:
            self._change("Canonical Pose", explorer.in_canonical_pose(self.document.state.explore))

    def reset_shape(self) -> None:
        self._reset("shape")

    def reset_pose(self) -> None:
        self._reset("pose")

    def randomise_shape(self) -> None:
        self._randomise("shape")

    def randomise_pose(self) -> None:
        self._randomise("pose")

    def add_bookmark(self) -> None:
        """Remember the codes on show."""
        now = self.document.state.explore
        bookmark = Bookmark(f"{now.shape_name}, {now.pose_name}", now)
        self.document.change(
            "Add Bookmark", replace(self.document.state, bookmarks=(*self.document.state.bookmarks, bookmark))
        )
        self.session.message.emit(f"Remembered {bookmark.name}: Edit, Bookmarks")

    def _bookmarks(self) -> list[Choice]:
        """Lines of Edit > Bookmarks."""
        return [Choice(one.name, partial(self._show_bookmark, one)) for one in self.document.state.bookmarks]

    def _show_bookmark(self, bookmark: Bookmark) -> None:
        if self.explorer is not None:
            state = self.explorer.fitting(replace(self.document.state, explore=bookmark.exploration))
            self.document.show_workspace("explore")
            self._change(f"Show {bookmark.name}", state.explore)

    def follow(self, before: DocumentState, after: DocumentState) -> None:
        if before.explore == after.explore or before.model != after.model or self.explorer is None:
            return
        self._show_values()
        if self.is_active:
            self._request(settled=not self._by_slider and not self.document.timeline.playing)
            row = after.explore.clip_row
            rows = self.explorer.clip(row)
            if row is None or before.explore.clip_row not in rows:
                self.clip_changed.emit()
            else:
                self.document.timeline.place(rows.index(row))

    def _change(self, name: str, now: Exploration, merge: object = None) -> None:
        self.document.change(name, replace(self.document.state, explore=now), merge)

    def _reset(self, space: Space) -> None:
        if self.explorer is not None:
            self._change(f"Reset {space.capitalize()}", self.explorer.reset(self.document.state.explore, space))

    def _randomise(self, space: Space) -> None:
        if self.explorer is not None:
            self._change(f"Random {space.capitalize()}", self.explorer.randomised(self.document.state.explore, space))

    def _caption(self) -> None:
        if self.is_active and self.viewports.left.mesh.is_visible:
            now = self.document.state.explore
            posture = "Canonical pose, cut open" if self.viewports.display.field_slice else now.pose_name
            self.viewports.left.caption.set_text(now.shape_name, posture)

    def _on_model(self) -> None:
        for section in (self.shape, self.pose):
            section.fill(self.explorer)
            for direction, slider in enumerate(section.sliders):
                slider.moved.connect(lambda value, s=section.space, d=direction: self._on_slider(s, d, value))
                slider.released.connect(self._on_released)
        self._show_values()
        if self.is_active:
            self.enter()
            self.clip_changed.emit()

    def _on_slider(self, space: Space, direction: int, value: float) -> None:
        if self.explorer is None:
            return
        self._by_slider = True
        name = f"{space.capitalize()} {direction + 1}"
        self._change(name, self.explorer.moved(self.document.state.explore, space, direction, value), merge=name)
        self._by_slider = False

    def _on_released(self) -> None:
        self.document.end_step()
        self.session.settle()

    def _show_values(self) -> None:
        if self.explorer is None:
            return
        for section in (self.shape, self.pose):
            values = self.explorer.coefficients(self.document.state.explore, section.space).tolist()
            for slider, value in zip(section.sliders, values, strict=False):
                if not slider.slider.isSliderDown():
                    slider.set_value(value)

    def _request(self, settled: bool) -> None:
        if self.is_active and self.explorer is not None:
            self.session.request((codes_of(self.document.state.explore),), settled, self._ahead())

    def _ahead(self) -> tuple[Codes, ...]:
        """What playback will ask for next."""
        explorer, now = self.explorer, self.document.state.explore
        if explorer is None or now.clip_row is None or not self.document.timeline.playing:
            return ()
        rows = explorer.clip(now.clip_row)
        frames = self.upcoming_frames(rows.index(now.clip_row), len(rows))
        return tuple(codes_of(explorer.with_frame(now, rows[frame])) for frame in frames)

    @property
    def _has_pose(self) -> bool:
        return self.explorer is not None and self.explorer.model.has_pose
