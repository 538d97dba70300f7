"""What the window calls the settings and tasks of the engine: labels of its fields, and what to do there."""

from engine.core.errors import Choice, ConfigField, Do, Named, Setting, Task, plain_words
from npm_studio.command_lines import command

FIELDS: dict[Setting, tuple[str, ...]] = {
    Setting.DEPTH_UNITS: ("Depth units per metre",),
    Setting.INTRINSICS: ("Intrinsics",),
    Setting.STREAM: ("Depth stream",),
    Setting.DEPTH_RANGE: ("Nearest", "Farthest"),
    Setting.REMOVE_PLANES: ("Remove floor and walls",),
    Setting.SUBJECT: ("Which subject",),
    Setting.FILL_LOST: ("Fill lost frames",),
}
"""Labels of fields. The window has none for the other settings, which are those of the command line."""

ACTIONS: dict[Task, str] = {
    Task.FIT: "fit a sequence in the workspace “Fit”",
}
"""What the window does itself; the other tasks are done in a terminal."""


def words(named: Named) -> str:
    """Labels for a setting; for a task, what to do in the window or else in a terminal."""
    if isinstance(named, Setting):
        if named in FIELDS:
            return " and ".join(f"“{label}”" for label in FIELDS[named])
        return f"{plain_words(named)} (on the command line)"
    if isinstance(named, Choice):
        if named.setting in FIELDS:
            return f"{words(named.setting)} {named.value}"
        return f"{plain_words(named)} (on the command line)"
    if isinstance(named, ConfigField):
        return f"“{label_of(named.name)}” {named.value}".rstrip()
    task = named.task if isinstance(named, Do) else named
    return ACTIONS[task] if task in ACTIONS else f"run `{command(named)}` in a terminal"


def label_of(field: str) -> str:
    """Label of a field of a configuration: ``frames_per_step`` is “Frames per step”."""
    return field.replace("_", " ").capitalize()
