"""File menu."""

from npm_studio.session.commands.command import Command, Menu, Submenu

OPEN_MODEL = Command(
    "file.open_model",
    "Open &Model…",
    "files.choose_model",
    "Open a model folder (NAME.npm).",
    shortcut="Ctrl+O",
    icon="model",
)
OPEN_SEQUENCE = Command(
    "file.open_sequence",
    "Open &Depth Sequence…",
    "files.choose_sequence",
    "Open a folder of depth images to look at and to fit.",
    shortcut="Ctrl+D",
    icon="sequence",
)
OPEN_RECORDING = Command(
    "file.open_recording",
    "Open Depth Re&cording…",
    "files.choose_recording",
    "Open a file that a depth camera recorded, or a point cloud.",
    shortcut="Ctrl+Shift+D",
    icon="sequence",
)
OPEN_RUN = Command(
    "file.open_run",
    "Open &Run…",
    "files.choose_run",
    "Open the folder of a finished fit.",
    shortcut="Ctrl+R",
)
SCREENSHOT = Command(
    "file.screenshot",
    "Save Screensho&t…",
    "files.choose_screenshot",
    "Save a PNG of the 3-D view.",
    shortcut="Ctrl+P",
    icon="camera",
)

FILE = Menu(
    "&File",
    (
        OPEN_MODEL,
        OPEN_SEQUENCE,
        OPEN_RECORDING,
        OPEN_RUN,
        Submenu("Op&en Recent", "files.fill_recent"),
        None,
        Command(
            "file.demo_model", "Open &Built-in Model", "files.open_demo_model", "Open the built-in model of bodies."
        ),
        Submenu("Other Built-in Mode&ls", "files.fill_built_in_models"),
        Command(
            "file.demo_sequence",
            "Open Built-in Depth Seq&uence",
            "files.open_demo_sequence",
            "Open the built-in depth sequence of a moving body.",
        ),
        None,
        Command(
            "file.open_project",
            "Open &Project…",
            "files.choose_project",
            "Open a model, sequences and runs that were saved together.",
            shortcut="Ctrl+Shift+O",
        ),
        Command(
            "file.save_project",
            "&Save Project",
            "files.save_project",
            "Save what is open as a project folder.",
            shortcut="Ctrl+S",
            needs="has_model",
        ),
        Command(
            "file.save_project_as",
            "Save Project &As…",
            "files.choose_save_project",
            "Save what is open as another project folder.",
            shortcut="Ctrl+Shift+S",
            needs="has_model",
        ),
        None,
        SCREENSHOT,
        Command(
            "file.export",
            "E&xport Run…",
            "files.choose_export",
            "Save the run on show for other programs: meshes, an animated GLB, codes, a table, pictures, a video.",
            shortcut="Ctrl+E",
            needs="has_run",
        ),
        None,
        Command("file.quit", "&Quit", "close", "Stop all work and leave.", shortcut="Ctrl+Q"),
    ),
)
