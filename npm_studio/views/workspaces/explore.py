"""Sliders through the spaces of shapes and poses."""

from dataclasses import replace
from functools import partial
from typing import Literal

from PyQt6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from npm_studio.session.commands.registry import Choice
from npm_studio.session.document.explorer import Codes, Explorer, Space, codes_of
from npm_studio.session.document.state import Code, DocumentState, Exploration
from npm_studio.session.document.timeline import Playable
from npm_studio.session.document.view_state import ExploreView
from npm_studio.session.jobs.exportable_bodies import Motion, exportable_motion
from npm_studio.session.jobs.exporting import Exportable
from npm_studio.session.live.request import MeshReply, Quality
from npm_studio.views.body_figures import BodyFigures
from npm_studio.views.session import Session
from npm_studio.views.viewport_area import ViewportArea
from npm_studio.views.widgets.basics import Segments
from npm_studio.views.widgets.code_editor import CodeEditor
from npm_studio.views.workspaces.base import TRAINING_FRAME_RATE, Actions, Workspace
from npm_studio.views.workspaces.map_page import SPACES, MapPage
from npm_studio.views.workspaces.slicing import Slicing
from npm_studio.views.workspaces.slider_list import SliderList

_PAGES: tuple[Literal["sliders", "map", "codes"], ...] = ("sliders", "map", "codes")


class ExploreWorkspace(Workspace):
    """One mesh, moved by sliders, by the library, or by playing a training sequence."""

    uses_library = True
    shows_live = True
    shows_slices = True

    def __init__(self, session: Session, viewports: ViewportArea, actions: Actions) -> None:
        super().__init__(session, viewports, actions)
        portraits = session.portraits
        self.shape = SliderList("Shape", "shape", portraits, actions)
        self.pose = SliderList("Pose", "pose", portraits, actions)
        self.shape_code, self.pose_code = CodeEditor("Shape"), CodeEditor("Pose")
        self.pages, self._page = Segments(("Sliders", "Map", "Codes")), QStackedWidget()
        self._page.addWidget(_above_each_other(self.shape, self.pose))
        self.map = MapPage(portraits)
        self._page.addWidget(self.map)
        self._page.addWidget(_above_each_other(self.shape_code, self.pose_code))
        self.column.setSpacing(12)
        self.column.addWidget(self.pages)
        self.column.addWidget(self._page, 1)
        self._figures = BodyFigures(portraits, viewports.left)
        self.slicing = Slicing(session, viewports)
        self.column.addWidget(self.slicing.section)
        self._by_slider = False
        self._connect()
        self.document.model_changed.connect(self._on_model)
        session.jobs.changed.connect(self._invite)
        viewports.changed.connect(self._caption)
        commands = session.commands
        for space in ("shape", "pose"):
            commands.handle(f"edit.reset_{space}", getattr(self, f"reset_{space}"))
            commands.handle(f"edit.random_{space}", getattr(self, f"randomise_{space}"))
        commands.offer("edit.bookmarks", self._bookmarks)
        commands.provide("explores", lambda: self.is_active and self.explorer is not None)
        commands.provide("explores_poses", lambda: self.is_active and self._has_pose)

    def _connect(self) -> None:
        self.pages.chosen.connect(lambda page: self._look(replace(self._view, page=_PAGES[page])))
        for sliders in (self.shape, self.pose):
            space = sliders.space
            sliders.moved.connect(partial(self._on_slider, space))
            sliders.released.connect(self._on_released)
            sliders.said.connect(self.session.message)
            sliders.lock_toggled.connect(partial(self._on_lock, space))
            sliders.count_chosen.connect(partial(self._on_count, space))
        self.shape_code.taken.connect(partial(self._on_code, "shape"))
        self.pose_code.taken.connect(partial(self._on_code, "pose"))
        self.map.space_chosen.connect(lambda place: self._look(replace(self._view, map_space=SPACES[place])))
        self.map.map.moved.connect(self._on_map)
        self.map.map.released.connect(self._on_released)
        self.map.map.point_chosen.connect(self._on_map_point)
        for editor in (self.shape_code, self.pose_code):
            editor.refused.connect(lambda error: self.session.failed.emit(error, ""))

    @property
    def explorer(self) -> Explorer | None:
        return self.document.explorer

    def enter(self) -> None:
        super().enter()
        self.viewports.clear()
        self.viewports.set_split(False)
        self.viewports.place_floor()
        self.slicing.enter(self.explorer)
        if self.explorer is None:
            self._invite()
            return
        self._request(settled=True)

    def _invite(self) -> None:
        """Say what belongs here while no model is open."""
        if not self.is_active or self.explorer is not None:
            return
        if self.session.jobs.is_busy("load"):
            self.viewports.invite("model", "Loading…", "The first body will be here in a moment.")
            return
        open_model, demo = self.actions_by_id["file.open_model"], self.actions_by_id["file.demo_model"]
        text = "Open a model folder (NAME.npm), or drop one here, to move through its shapes and poses."
        self.viewports.invite("model", "No model is open", text, (open_model, demo))

    def leave(self) -> None:
        super().leave()
        self.slicing.leave()
        self._figures.clear()

    def playable(self) -> Playable:
        explorer, now = self.explorer, self.document.state.explore
        if explorer is None or now.clip_row is None:
            return Playable()
        rows, frames = explorer.clip(now.clip_row), explorer.model.info.frames
        names, place = tuple(str(frames[row]) for row in rows), rows.index(now.clip_row)
        return Playable(names, TRAINING_FRAME_RATE, place, is_on_show=now.row is not None)

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
        if self._framed() is not model and len(mesh.vertices):
            self.viewports.place_floor(float(similarity.to_world(mesh.vertices)[:, 1].min()))
        self.show_posed_mesh(self.viewports.left, mesh, similarity)
        self.slicing.follow()
        self._figures.follow(mesh, similarity, reply.quality is Quality.FINE)
        self._caption()  # which leaves less room
        self.frame_live(model, reply)
        self.report_quality(reply)

    @property
    def can_export(self) -> bool:
        return self.document.model is not None

    def exportables(self) -> list[Exportable]:
        """The body on show."""
        model, body = self.document.model, self.document.state.explore
        if model is None:
            return []
        return [exportable_motion(model, Motion(body.shape_name, body.shape_name, [codes_of(body)], 1.0))]

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

    def body_on_show(self) -> Exploration | None:
        return self.document.state.explore

    def body_chosen(self, body: Exploration) -> None:
        if self.can_show(body):
            self._change(f"Show {body.shape_name}", body)

    def _bookmarks(self) -> list[Choice]:
        """Lines of Edit > Bookmarks."""
        return [
            Choice(one.name, partial(self._show_bookmark, one.exploration)) for one in self.document.state.bookmarks
        ]

    def _show_bookmark(self, body: Exploration) -> None:
        self.document.show_workspace("explore")
        self.body_chosen(body)

    def follow(self, before: DocumentState, after: DocumentState) -> None:
        if before.view.explore != after.view.explore or before.locks != after.locks:
            self._show_page()
            self._fill()
            self._show_values()
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
                self.document.timeline.place(rows.index(row), after.explore.row is not None)

    def _change(self, name: str, now: Exploration, merge: object = None) -> None:
        self.document.change(name, replace(self.document.state, explore=now), merge)

    def _reset(self, space: Space) -> None:
        if self.explorer is not None:
            self._change(f"Reset {space.capitalize()}", self.explorer.reset(self.document.state.explore, space))

    def _randomise(self, space: Space) -> None:
        if self.explorer is not None:
            state = self.document.state
            drawn = self.explorer.randomised(state.explore, space, self._locked(space))
            self._change(f"Random {space.capitalize()}", drawn)

    def _caption(self) -> None:
        if self.is_active and self.viewports.left.mesh.is_visible:
            now = self.document.state.explore
            posture = "Canonical pose, cut open" if self.viewports.display.field_slice else now.pose_name
            self.viewports.left.caption.set_text(now.shape_name, posture)

    def _on_model(self) -> None:
        self._show_page()
        self._fill()
        self._show_values()
        if self.is_active:
            self.enter()
            self.clip_changed.emit()

    def _show_page(self) -> None:
        page = _PAGES.index(self._view.page)
        self.pages.choose(page)
        self._page.setCurrentIndex(page)

    def _fill(self) -> None:
        """As many sliders as are wanted, with their locks."""
        view, locks = self._view, self.document.state.locks
        self.shape.fill(self.explorer, view.shape_sliders)
        self.pose.fill(self.explorer, view.pose_sliders)
        self.shape.show_locks(locks.shape)
        self.pose.show_locks(locks.pose)

    def _on_slider(self, space: Space, direction: int, value: float) -> None:
        if self.explorer is None:
            return
        self._by_slider = True
        moved = self.explorer.moved(self.document.state.explore, space, direction, value)
        self._change(self._title_of(space, direction), moved, merge=(space, direction))
        self._by_slider = False

    def _on_map(self, x: float, y: float) -> None:
        if self.explorer is None:
            return
        space, state = self._view.map_space, self.document.state
        self._by_slider = True
        now = self.explorer.moved_on_map(state.explore, space, (x, y), self._locked(space))
        self._change(f"{space.capitalize()} on the Map", now, merge=f"{space} map")
        self._by_slider = False

    def _on_map_point(self, number: int) -> None:
        self.identity_chosen(number) if self._view.map_space == "shape" else self.frame_chosen(number)

    def _locked(self, space: Space) -> tuple[int, ...]:
        locks = self.document.state.locks
        return locks.shape if space == "shape" else locks.pose

    def _on_released(self) -> None:
        self.document.end_step()
        self.session.settle()

    @property
    def _view(self) -> ExploreView:
        return self.document.state.view.explore

    def _look(self, view: ExploreView) -> None:
        self.document.follow(replace(self.document.state, view=replace(self.document.state.view, explore=view)))

    def _on_count(self, space: Space, count: int) -> None:
        view = self._view
        self._look(replace(view, shape_sliders=count) if space == "shape" else replace(view, pose_sliders=count))

    def _on_lock(self, space: Space, direction: int, locked: bool) -> None:
        state = self.document.state
        before = self._locked(space)
        after = tuple(sorted({*before, direction} if locked else {*before} - {direction}))
        locks = replace(state.locks, shape=after) if space == "shape" else replace(state.locks, pose=after)
        name = f"{'Lock' if locked else 'Unlock'} {self._title_of(space, direction)}"
        self.document.change(name, replace(state, locks=locks))

    def _title_of(self, space: Space, direction: int) -> str:
        """What a slider is called."""
        name = self.session.portraits.name(space, direction)
        return f"{space.capitalize()} {direction + 1}" if name is None else name.title

    def _on_code(self, space: Space, code: Code) -> None:
        if self.explorer is not None:
            now = self.explorer.with_code(self.document.state.explore, space, code)
            self._change(f"{space.capitalize()} Code", now)

    def _show_values(self) -> None:
        explorer, now = self.explorer, self.document.state.explore
        if explorer is None:
            return
        if self._view.page == "sliders":
            for section in (self.shape, self.pose):
                section.show_values(explorer.coefficients(now, section.space).tolist())
        elif self._view.page == "map":
            self.map.show_space(explorer, self._view.map_space)
            self.map.show_body(now)
        else:
            pose_codes = explorer.model.pose_codes
            self.shape_code.show_code(now.shape, explorer.model.shape_codes.shape[1])
            self.pose_code.show_code(now.pose, 0 if pose_codes is None else pose_codes.shape[1])

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


def _above_each_other(*widgets: QWidget) -> QWidget:
    page = QWidget()
    column = QVBoxLayout(page)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(12)
    for widget in widgets:
        column.addWidget(widget, 1)
    return page
