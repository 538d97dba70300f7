"""Why a command cannot be used, by the condition that it needs."""

from npm_studio.session.commands.command import Command
from npm_studio.session.commands.registry import Commands

_REASONS = {
    "can_undo": "Nothing has been done yet.",
    "can_redo": "Nothing has been undone.",
    "explores": "Open a model and go to Explore.",
    "explores_poses": "Open a model with poses and go to Explore.",
    "has_path": "Open a model or a recording first.",
    "has_script": "Nothing on show is done by a script.",
    "has_command_line": "Nothing on show is done by a command.",
    "can_add_keyframe": "Open a model and go to Interpolate, Explore or Transfer.",
    "has_model": "Open a model first.",
    "shows_live": "Show a mesh of a model first.",
    "can_slice": "Open a model and go to Explore.",
    "is_split": "Only one view is on show.",
    "has_clip": "Nothing on show has several frames.",
    "can_fit": "Open a recording in Fit, and the model that fits it.",
    "is_fitting": "No fit is running.",
    "can_fit_again": "Show a run in Fit whose method is installed, of a recording that is not being fitted.",
    "can_mark": "Show a run in Fit first.",
    "can_refit": "Mark some frames of a run of the open model: drag over the curves under the timeline.",
    "has_run": "Open a run in Fit first.",
    "can_export": "Show a run in Fit or Compare, or go with a model to Explore, Interpolate or Transfer.",
    "can_compare_truth": "Needs a run in Fit whose recording came with the truth.",
    "can_track": "Open a model in Fit, and end what runs there.",
    "is_tracking": "Nothing is being tracked.",
    "can_keep_track": "There is no track to keep.",
    "can_discard_track": "There is no track.",
    "is_comparing": "Go to Compare.",
    "can_add_side": "Swipe and blink are of two sides, side by side of six.",
    "has_two_sides": "Compare two sides first.",
    "is_blinking": "Let two sides blink in Compare first.",
    "can_verify": "Open a dataset first.",
    "can_train": "Open a dataset first, or wait for the training that runs.",
    "is_training": "No training of this model is running.",
    "has_trained_model": "Nothing has been trained yet.",
    "can_report": "A report is of runs: choose one for a side in Compare first.",
}
_WORKSPACES = {
    "fit": ("can_fit", "can_fit_again", "can_mark", "can_refit", "has_run", "can_compare_truth"),
    "train": ("can_verify", "can_train"),
    "compare": ("is_comparing", "can_add_side", "has_two_sides", "is_blinking", "can_report"),
}
"""Conditions that never hold outside of a workspace."""
_OTHERWISE = "Not possible with what is on show."


def reason_against(command: Command, commands: Commands) -> str:
    """A sentence about what ``command`` lacks while it cannot be used; of another workspace, that one first."""
    for name, conditions in _WORKSPACES.items():
        if command.needs in conditions and not commands.holds(f"in_{name}"):
            return f"Go to {name.capitalize()} first."
    return _REASONS.get(command.needs, _OTHERWISE)
