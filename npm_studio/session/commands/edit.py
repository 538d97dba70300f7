"""Edit menu."""

from npm_studio.session.commands.command import Command, Menu

RESET_SHAPE = Command(
    "edit.reset_shape",
    "Reset &Shape",
    "explore.reset_shape",
    "Back to the mean shape.",
    shortcut="Ctrl+Shift+1",
    needs="has_model",
    icon="reset",
)
RANDOM_SHAPE = Command(
    "edit.random_shape",
    "R&andom Shape",
    "explore.randomise_shape",
    "A random shape, distributed like the training identities.",
    shortcut="S",
    needs="has_model",
    icon="dice",
)
RESET_POSE = Command(
    "edit.reset_pose",
    "Reset &Pose",
    "explore.reset_pose",
    "Back to the mean pose.",
    shortcut="Ctrl+Shift+2",
    needs="has_pose",
    icon="reset",
)
RANDOM_POSE = Command(
    "edit.random_pose",
    "Ra&ndom Pose",
    "explore.randomise_pose",
    "A random pose, distributed like the training frames.",
    shortcut="P",
    needs="has_pose",
    icon="dice",
)

EDIT = Menu(
    "&Edit",
    (
        Command("edit.undo", "&Undo", "explore.undo", "Undo the last change of codes.", "Ctrl+Z", "can_undo"),
        Command("edit.redo", "&Redo", "explore.redo", "Redo what was undone.", "Ctrl+Shift+Z", "can_redo"),
        None,
        RESET_SHAPE,
        RANDOM_SHAPE,
        None,
        RESET_POSE,
        RANDOM_POSE,
    ),
)
