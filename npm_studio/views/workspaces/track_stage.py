"""The track on show in the Fit workspace: its newest frame, and its run once it is kept."""

from collections.abc import Callable

import numpy as np

from engine.methods.run import Run
from npm_studio.session.document.observation import is_around, range_of
from npm_studio.views.tracking import Tracking
from npm_studio.views.workspaces.base import Workspace
from npm_studio.views.workspaces.drawing import draw_frame


class TrackStage:
    """As long as there is a track, it has the viewports of the workspace to itself."""

    def __init__(self, workspace: Workspace, tracking: Tracking, make_room: Callable[[bool], None]) -> None:
        """
        Args:
            make_room: gives viewports and panel to the track, or takes them back
        """
        self._workspace, self._tracking, self._make_room = workspace, tracking, make_room
        self._depth_range: tuple[float, float] | None = None
        tracking.advanced.connect(self.show)
        tracking.switched.connect(self._on_switched)
        tracking.kept.connect(self._on_kept)

    def show(self) -> None:
        """Bring the viewport up to date with the newest frame, and the camera to it when it is the first."""
        workspace, view, track = self._workspace, self._tracking.view, self._tracking.track
        if not workspace.is_active or track is None:
            return
        if view is None:
            workspace.viewports.left.caption.set_text(f"Tracking {track.what.name}", "Looking for the subject…")
            workspace.quality_changed.emit("", "good", "")
            return
        self.draw()
        workspace.frame_once(track)
        vertices = 0 if view.mesh is None else len(view.mesh.vertices)
        word, tone = ("Lost", "bad") if view.tracked.lost else ("Tracked", "good")
        workspace.quality_changed.emit(word, tone, f"{vertices:,} vertices · {view.frames} frames")

    def draw(self) -> None:
        """The newest frame in the left viewport."""
        shown, track, workspace = self._tracking.view, self._tracking.track, self._workspace
        if shown is None or track is None:
            return
        view, tracked, mesh = workspace.viewports.left, shown.tracked, shown.mesh
        surface = None
        if mesh is not None:
            surface = mesh.vertices, mesh.normals, mesh.faces
            if self._depth_range is None:
                low, high = mesh.box
                view.ground.place(float(low[1]), (float(low[0] + high[0]) / 2, float(low[2] + high[2]) / 2))
        seen = shown.observed
        own = seen.depth_m if mesh is None else seen.depth_m[is_around(seen.points_world, mesh.box)]
        depth_range = self._depth_range or range_of(own)
        if not tracked.lost:
            self._depth_range = depth_range
        view.focus = None if mesh is None else mesh.box.astype(np.float64)
        view.mark_lost(tracked.lost)
        draw_frame(view, workspace.document.state.view.frame_drawing, seen, depth_range, surface)
        said = "lost" if tracked.lost else f"confidence {tracked.confidence:.2f}"
        rate = "" if shown.rate is None else f" · {shown.rate:.1f} frames per second"
        text = f"Frame {tracked.name} · {said} · {1e3 * tracked.latency_s:.0f} ms{rate}"
        view.caption.set_text(f"{'Tracking' if self._tracking.is_running else 'Track of'} {track.what.name}", text)
        view.redraw()

    def _on_switched(self) -> None:
        self._depth_range = None
        self._make_room(self._tracking.is_there)

    def _on_kept(self, run: Run) -> None:
        session = self._workspace.session
        if session.document.observation_of(run) is None:
            session.run_wanted.emit(run.folder, None)
        else:
            session.document.add_run(run, show=True, name=f"Keep {run.folder.name}")
