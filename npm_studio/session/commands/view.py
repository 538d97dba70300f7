"""View menu."""

from npm_studio.session.commands.command import Command, Menu

WORKSPACES = (
    Command(
        "view.explore",
        "&Explore",
        "show_explore",
        "Move through the spaces of shapes and poses with sliders.",
        shortcut="Ctrl+1",
        checked="in_explore",
    ),
    Command(
        "view.interpolate",
        "&Interpolate",
        "show_interpolate",
        "Go from one identity or pose to another with one slider.",
        shortcut="Ctrl+2",
        checked="in_interpolate",
    ),
    Command(
        "view.transfer",
        "&Transfer",
        "show_transfer",
        "Show two identities side by side in the same pose.",
        shortcut="Ctrl+3",
        checked="in_transfer",
    ),
    Command(
        "view.fit",
        "&Fit",
        "show_fit",
        "Look at a depth sequence and fit the model to it.",
        shortcut="Ctrl+4",
        checked="in_fit",
    ),
    Command(
        "view.compare",
        "&Compare",
        "show_compare",
        "Up to six results beside each other, with their errors as colours, curves and figures.",
        shortcut="Ctrl+5",
        checked="in_compare",
    ),
)
LINK_CAMERAS = Command(
    "view.link_cameras",
    "&Link Cameras",
    "viewports.set_linked",
    "Both views move together.",
    shortcut="L",
    needs="is_split",
    checked="cameras_linked",
    icon="link",
)
FRAME_ALL = Command(
    "view.frame", "Frame &All", "viewports.frame_all", "Fit everything into the view.", "F", icon="frame"
)
THEME = Command(
    "view.dark",
    "&Dark Theme",
    "set_dark",
    "Switch between the dark and the light theme.",
    shortcut="Ctrl+T",
    checked="is_dark",
    icon="theme",
)

VIEW = Menu(
    "&View",
    (
        *WORKSPACES,
        None,
        FRAME_ALL,
        Command("view.front", "View from the F&ront", "viewports.view_front", "Look along the depth axis.", "1"),
        Command("view.side", "View from the &Side", "viewports.view_side", "Look from the mesh's left.", "3"),
        Command("view.top", "View from the T&op", "viewports.view_top", "Look down.", "7"),
        LINK_CAMERAS,
        None,
        Command(
            "view.library", "Li&brary", "set_library", "Show the lists on the left.", "F9", checked="library_shown"
        ),
        THEME,
        Command(
            "view.full_screen",
            "F&ull Screen",
            "set_full_screen",
            "Use the whole screen.",
            shortcut="F11",
            checked="is_full_screen",
        ),
    ),
)
