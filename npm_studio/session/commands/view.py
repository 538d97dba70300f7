"""View menu."""

from collections.abc import Sequence
from dataclasses import dataclass

from npm_studio.session.commands.command import Command, Menu


@dataclass(frozen=True)
class WorkspaceTitle:
    """How a workspace is called in menus."""

    name: str
    """As the document has it: ``explore``."""
    title: str
    tooltip: str
    """What one does there, as a sentence."""
    also: str = ""
    """Other words by which it is looked for."""


def workspace_commands(workspaces: Sequence[WorkspaceTitle]) -> tuple[Command, ...]:
    """One for each, to show it; the first nine have a shortcut."""
    return tuple(
        Command(
            f"view.{one.name}",
            one.title,
            one.tooltip,
            shortcut=f"Ctrl+{number}" if number < 10 else "",
            checked=f"in_{one.name}",
            also=one.also,
        )
        for number, one in enumerate(workspaces, 1)
    )


LINK_CAMERAS = Command(
    "view.link_cameras",
    "&Link Cameras",
    "Both views move together.",
    shortcut="L",
    needs="is_split",
    checked="cameras_linked",
    icon="link",
)
FRAME_ALL = Command("view.frame", "Frame &All", "Fit everything into the view.", "F", icon="frame")
THEME = Command(
    "view.dark",
    "&Dark Theme",
    "Switch between the dark and the light theme.",
    shortcut="Ctrl+T",
    checked="is_dark",
    icon="theme",
)
JOBS = Command(
    "view.jobs",
    "&Jobs",
    "Show what runs in the background and what has ended: progress, memory, log, pause and stop.",
    shortcut="Ctrl+J",
    checked="jobs_shown",
)


def view_menu(workspaces: Sequence[WorkspaceTitle]) -> Menu:
    return Menu(
        "&View",
        (
            *workspace_commands(workspaces),
            None,
            FRAME_ALL,
            Command("view.front", "View from the F&ront", "Look along the depth axis.", "1"),
            Command("view.side", "View from the &Side", "Look from the mesh's left.", "3"),
            Command("view.top", "View from the T&op", "Look down.", "7"),
            LINK_CAMERAS,
            None,
            Command("view.library", "Li&brary", "Show the lists on the left.", "F9", checked="library_shown"),
            JOBS,
            THEME,
            Command("view.full_screen", "F&ull Screen", "Use the whole screen.", "F11", checked="is_full_screen"),
            Command("view.reset_layout", "Reset La&yout", "Window and panels as they were at the very first start."),
        ),
    )
