"""Fit menu."""

from npm_studio.session.commands.command import Command, Entry, Menu, Submenu
from npm_studio.session.commands.file import EXPORT

START = Command(
    "fit.start",
    "&Fit Sequence",
    "Fit the open model to the depth sequence, in the background.",
    shortcut="Ctrl+Return",
    needs="can_fit",
    icon="fit",
    also="reconstruct register run",
)
CANCEL = Command(
    "fit.cancel",
    "Stop Fit and &Keep",
    "Stop the fit that runs and keep the best result so far.",
    shortcut="Ctrl+.",
    needs="is_fitting",
    icon="stop",
)
DISCARD_FIT = Command(
    "fit.discard",
    "&Cancel Fit",
    "Stop the fit that runs and keep nothing of it.",
    needs="is_fitting",
)
PAUSE_FIT = Command(
    "fit.pause",
    "Pa&use Fit",
    "Hold the fit after this step, or let it go on.",
    needs="is_fitting",
    checked="fit_paused",
)
SHOW_FOLDER = Command(
    "fit.show_folder",
    "&Show Run Folder",
    "Open the folder of the run on show in the file manager.",
    needs="has_run",
    icon="folder",
)
RENAME_RUN = Command(
    "fit.rename_run",
    "Re&name Run…",
    "Give the run on show a name; its folder keeps its own.",
    shortcut="F2",
    needs="has_run",
)
REFIT = Command(
    "fit.again",
    "Fit A&gain",
    "Fit the recording as it is open now, by the method and with the settings of the run on show.",
    needs="can_fit_again",
)
MARK_FIRST = Command(
    "fit.mark_first",
    "Mark Fro&m This Frame",
    "The frames that are to be fitted again begin at the one on show.",
    shortcut="[",
    needs="can_mark",
)
MARK_LAST = Command(
    "fit.mark_last",
    "Mark to T&his Frame",
    "The frames that are to be fitted again end at the one on show.",
    shortcut="]",
    needs="can_mark",
)
REFIT_FRAMES = Command(
    "fit.refit",
    "Ref&it Marked Frames",
    "Fit the marked frames of the run on show again, between their neighbours; all others stay as they are.",
    shortcut="Ctrl+Shift+R",
    needs="can_refit",
)
COPY_PATH = Command(
    "fit.copy_path",
    "Cop&y Path of Run",
    "Put the path of the folder of the run on show into the clipboard.",
    needs="has_run",
)
DELETE_RUN = Command(
    "fit.delete_run",
    "De&lete Run",
    "Take the run on show away; its folder goes to the wastebasket when the window closes, and Undo brings it back.",
    shortcut="Delete",
    needs="has_run",
    also="remove",
)
COMPARE_TRUTH = Command(
    "fit.compare_truth",
    "Compare &with Truth",
    "Put the run on show beside the true meshes of its recording, in colours of its errors.",
    shortcut="Ctrl+Shift+C",
    needs="can_compare_truth",
    icon="compare",
    also="ground error evaluate",
)

TRACK = Command(
    "fit.track",
    "&Track…",
    "Follow a subject frame by frame: of the recording on show, a folder that is being written, or a camera.",
    shortcut="Ctrl+Shift+T",
    needs="can_track",
    also="live camera stream follow",
)
PAUSE = Command(
    "fit.track_pause",
    "&Pause Tracking",
    "Look at no frames for a while; a camera goes on, a recording waits.",
    needs="is_tracking",
    checked="track_paused",
)
RESET = Command(
    "fit.track_reset",
    "&Reset Tracking",
    "Forget the subject: the next frame is searched as if it were the first.",
    needs="is_tracking",
)
STOP = Command(
    "fit.track_stop",
    "St&op Tracking",
    "End the track after this frame; what was tracked can be kept.",
    needs="is_tracking",
)
KEEP = Command(
    "fit.track_keep",
    "K&eep Track as Run",
    "Write what was tracked as a run, measured and judged like that of a fit.",
    needs="can_keep_track",
)
DISCARD = Command(
    "fit.track_discard",
    "&Discard Track",
    "Forget what was tracked.",
    needs="can_discard_track",
)

OF_A_RUN: tuple[Entry, ...] = (
    RENAME_RUN,
    None,
    COMPARE_TRUTH,
    Submenu("fit.compare_run", "Comp&are with Another Run"),
    EXPORT,
    REFIT,
    None,
    SHOW_FOLDER,
    COPY_PATH,
    None,
    DELETE_RUN,
)
"""What can be done with a run, in the menu of its card."""

FIT = Menu(
    "F&it",
    (
        *(START, PAUSE_FIT, CANCEL, DISCARD_FIT, None, TRACK, PAUSE, RESET, STOP, KEEP, DISCARD, None),
        *(MARK_FIRST, MARK_LAST, REFIT_FRAMES, None),
        *(entry for entry in OF_A_RUN if entry is not EXPORT),
    ),
)
