"""Edit menu."""

from npm_studio.session.commands.command import Command, Menu, Submenu

RESET_SHAPE = Command(
    "edit.reset_shape",
    "Reset &Shape",
    "Back to the mean shape.",
    shortcut="Ctrl+Shift+1",
    needs="explores",
    icon="reset",
)
RANDOM_SHAPE = Command(
    "edit.random_shape",
    "R&andom Shape",
    "A random shape, distributed like the training identities.",
    shortcut="S",
    needs="explores",
    icon="dice",
)
RESET_POSE = Command(
    "edit.reset_pose",
    "Reset &Pose",
    "Back to the mean pose.",
    shortcut="Ctrl+Shift+2",
    needs="explores_poses",
    icon="reset",
)
RANDOM_POSE = Command(
    "edit.random_pose",
    "Ra&ndom Pose",
    "A random pose, distributed like the training frames.",
    shortcut="P",
    needs="explores_poses",
    icon="dice",
)

ADD_BOOKMARK = Command(
    "edit.add_bookmark",
    "Add &Bookmark",
    "Remember the shape and the pose on show.",
    shortcut="Ctrl+B",
    needs="explores",
)
ADD_KEYFRAME = Command(
    "edit.add_keyframe",
    "Add Ke&yframe",
    "Have the interpolation come through the body on show, where the timeline is, or at the end.",
    shortcut="K",
    needs="can_add_keyframe",
    also="animate animation",
)
COPY_COMMAND = Command(
    "edit.copy_command",
    "&Copy as Command Line",
    "What does in a terminal what is on show: meshes of the codes, the fit, the comparison.",
    shortcut="Ctrl+Shift+K",
    needs="has_command_line",
    also="terminal cli shell",
)

COPY_PICTURE = Command("edit.copy_picture", "Copy P&icture", "The views as they are, with their captions.", "Ctrl+C")
COPY_PATH = Command(
    "edit.copy_path", "Copy Pat&h", "Where the run, the recording or the model on show lies.", needs="has_path"
)
COPY_PYTHON = Command(
    "edit.copy_python", "Copy as Py&thon", "What does the same in a script of your own.", needs="has_script"
)

EDIT = Menu(
    "&Edit",
    (
        Command("edit.undo", "&Undo", "Take the last step back.", "Ctrl+Z", "can_undo"),
        Command("edit.redo", "&Redo", "Do again what was undone.", "Ctrl+Shift+Z", "can_redo"),
        None,
        RESET_SHAPE,
        RANDOM_SHAPE,
        None,
        RESET_POSE,
        RANDOM_POSE,
        None,
        ADD_BOOKMARK,
        Submenu("edit.bookmarks", "Boo&kmarks"),
        None,
        ADD_KEYFRAME,
        None,
        COPY_PICTURE,
        COPY_PATH,
        COPY_COMMAND,
        COPY_PYTHON,
        None,
        Command(
            "edit.preferences",
            "Pr&eferences…",
            "Theme, device, threads and where runs go.",
            "Ctrl+,",
            also="settings options gpu",
        ),
    ),
)
