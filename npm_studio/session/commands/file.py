"""File menu."""

from npm_studio.session.commands.command import Command, Menu, Submenu

OPEN_MODEL = Command(
    "file.open_model",
    "Open &Model…",
    "Open a model folder (NAME.npm).",
    shortcut="Ctrl+O",
    icon="model",
)
OPEN_SEQUENCE = Command(
    "file.open_sequence",
    "Open &Depth Images (Folder)…",
    "Open a folder of depth images to look at and to fit.",
    shortcut="Ctrl+D",
    icon="sequence",
    also="png import frames images",
)
OPEN_RECORDING = Command(
    "file.open_recording",
    "Open Camera Re&cording (File)…",
    "Open a file that a depth camera recorded, or a point cloud.",
    shortcut="Ctrl+Shift+D",
    icon="sequence",
    also="bag mkv camera realsense kinect orbbec rgb-d import",
)
OPEN_RUN = Command(
    "file.open_run",
    "Open &Run…",
    "Open the folder of a finished fit.",
    shortcut="Ctrl+R",
)
SCREENSHOT = Command(
    "file.screenshot",
    "Save Screensho&t…",
    "Save the 3-D views as a PNG: as they are, or on transparent ground, as the type of the file says.",
    shortcut="Ctrl+P",
    icon="camera",
    also="picture image png snapshot",
)
EXPORT = Command(
    "file.export",
    "E&xport…",
    "Save what is on show for other programs: meshes, an animated GLB, codes, a table, pictures, a video.",
    shortcut="Ctrl+E",
    needs="can_export",
    also="save mesh meshes glb gltf obj ply stl npz csv table video mp4 animation",
)

FILE = Menu(
    "&File",
    (
        OPEN_MODEL,
        OPEN_SEQUENCE,
        OPEN_RECORDING,
        OPEN_RUN,
        Submenu("file.recent", "Op&en Recent"),
        None,
        Command("file.demo_model", "Open &Built-in Model", "Open the built-in model of bodies."),
        Submenu("file.built_in_models", "Other Built-in Mode&ls"),
        Command(
            "file.demo_sequence",
            "Open Built-in Depth Seq&uence",
            "Open the built-in depth sequence of a moving body.",
        ),
        None,
        Command(
            "file.open_project",
            "Open &Project…",
            "Open a model, sequences and runs that were saved together.",
            shortcut="Ctrl+Shift+O",
        ),
        Command(
            "file.save_project",
            "&Save Project",
            "Save what is open as a project folder.",
            shortcut="Ctrl+S",
            needs="has_model",
        ),
        Command(
            "file.save_project_as",
            "Save Project &As…",
            "Save what is open as another project folder.",
            shortcut="Ctrl+Shift+S",
            needs="has_model",
        ),
        None,
        SCREENSHOT,
        EXPORT,
        None,
        Command("file.quit", "&Quit", "Stop all work and leave.", shortcut="Ctrl+Q"),
    ),
)
