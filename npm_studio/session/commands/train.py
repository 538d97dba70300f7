"""Train menu."""

from npm_studio.session.commands.command import Command, Menu

OPEN = Command(
    "train.open",
    "&Open Dataset…",
    "Open the folder of a registered dataset, to look at it and to train a model with it.",
    icon="folder",
)
EXAMPLE = Command(
    "train.example",
    "Make a Small &Dataset of Bodies…",
    "Generate four bodies in a few motions, to try a training with.",
)
VERIFY = Command(
    "train.verify",
    "&Verify Dataset",
    "Look for everything that would spoil a training: damaged files, wrong scales, meshes that do not belong together.",
    needs="can_verify",
)
START = Command(
    "train.start",
    "&Train Model",
    "Sample what has not been sampled yet and train all stages of the preset, in a process of its own.",
    needs="can_train",
    icon="play",
    also="learn training",
)
STOP = Command(
    "train.stop",
    "&Stop Training",
    "End the training after this step; it keeps its state and can go on later.",
    needs="is_training",
    icon="stop",
)
OPEN_MODEL = Command(
    "train.open_model",
    "Open the Trained &Model",
    "Open the model that this training has made, with sliders for shapes and poses.",
    needs="has_trained_model",
    icon="model",
)

TRAIN = Menu("T&rain", (OPEN, EXAMPLE, VERIFY, None, START, STOP, None, OPEN_MODEL))
