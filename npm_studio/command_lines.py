"""By which command a task of the engine is done; the window names it, too."""

import shlex

from engine.core.errors import Do, Task

COMMANDS: dict[Task, str] = {
    Task.MAKE_DATASET: "dataset",
    Task.MAKE_BODIES: "dataset anny",
    Task.MAKE_HANDS: "dataset hands",
    Task.IMPORT_BODIES: "dataset smpl",
    Task.IMPORT_HANDS: "dataset mano",
    Task.MAKE_GRIDS: "dataset grids",
    Task.NORMALISE: "dataset normalise",
    Task.SPLIT: "split",
    Task.SELECT: "split make",
    Task.SUBSAMPLE: "split subsample",
    Task.PREPARE: "prepare",
    Task.TRAIN_SHAPE: "train shape",
    Task.TRAIN_POSE: "train pose",
    Task.FIT: "fit",
}


def command(task: Task | Do) -> str:
    """The beginning of a command line, quoted for a shell: what a task is done with, and to."""
    if isinstance(task, Task):
        return f"npm-studio {COMMANDS[task]}"
    return f"{command(task.task)} {shlex.quote(str(task.on))}" if str(task.on) else command(task.task)
