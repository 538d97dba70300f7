"""What the window can do at the moment: commands name these conditions."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from npm_studio.views.main_window import MainWindow


def conditions(window: "MainWindow") -> dict[str, bool]:
    """Every condition that `npm_studio.session.commands` uses, by name."""
    document = window.session.document
    explorer = document.explorer
    display = window.viewports.display
    live = document.model is not None and window.workspace in (window.explore, window.interpolate, window.transfer)
    return {
        "has_model": document.model is not None,
        "has_pose": document.model is not None and document.model.has_pose,
        "can_undo": explorer is not None and explorer.can_undo,
        "can_redo": explorer is not None and explorer.can_redo,
        "has_clip": document.timeline.frame_count > 1,
        "can_fit": window.fit.can_fit,
        "is_fitting": window.session.is_fitting,
        "can_track": window.fit.tracking.can_begin,
        "is_tracking": window.fit.tracking.is_running,
        "track_paused": window.fit.tracking.is_paused,
        "can_keep_track": window.fit.tracking.can_be_kept,
        "can_discard_track": window.fit.tracking.can_be_discarded,
        "has_run": window.fit.run is not None,
        "is_split": window.viewports.is_split,
        "in_explore": window.workspace is window.explore,
        "in_interpolate": window.workspace is window.interpolate,
        "in_transfer": window.workspace is window.transfer,
        "in_fit": window.workspace is window.fit,
        "in_compare": window.workspace is window.compare,
        "is_comparing": window.workspace is window.compare and window.compare.lineup is not None,
        "has_two_sides": window.workspace is window.compare and len(document.comparison.sides) > 1,
        "is_blinking": window.workspace is window.compare and document.comparison.mode == "blink",
        "can_compare_truth": window.fit.has_truth,
        "cameras_linked": window.viewports.is_linked,
        "shows_live": live,
        "can_slice": document.model is not None and window.workspace is window.explore,
        "wireframe_shown": display.wireframe,
        "points_shown": display.points,
        "correspondence_shown": display.correspondence,
        "slice_shown": display.field_slice,
        "inset_shown": display.inset,
        "floor_shown": display.floor,
        "frame_rate_shown": display.frame_rate,
        "library_shown": window.library_wanted,
        "is_dark": window.theme.name == "dark",
        "is_full_screen": window.isFullScreen(),
        "is_looping": document.timeline.loop,
    }
