"""The exceptions that reach a user, and what they say without knowing through which front end.

An error names what is wrong and how to mend it. Where the mending is done with something that each front end calls by
a name of its own (a flag of the command line, a field of the window), the error holds that thing as a value, and
the front end puts its own word in place: see `Words`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path


class Setting(Enum):
    """What a user states about data or work; the value is its name in plain words."""

    DEVICE = "the device"
    OUT = "the output"
    SEED = "the seed"
    RESUME = "resuming"
    RESTART = "beginning anew"
    START_MODEL = "the model to begin on"
    FILL_LOST = "the filling of lost frames"

    DEPTH_UNITS = "the depth units per metre"
    INTRINSICS = "the intrinsics"
    STREAM = "the depth stream"
    DEPTH_RANGE = "the nearest and farthest depth"
    MASKS = "the masks"
    REMOVE_PLANES = "the removal of floor and walls"
    SUBJECT = "which of several subjects"
    FOLLOW = "that a folder is still being written"

    NEAR_SAMPLES = "the number of near samples"
    UNIFORM_SAMPLES = "the number of uniform samples"
    SURFACE_SAMPLES = "the number of surface samples"
    NORMALISATION = "the normalisation"
    CANONICAL_MESH = "the canonical mesh"
    MESH_UNIT = "the unit of the meshes"
    UP_AXIS = "the axis that points up in the meshes"
    IDENTITIES = "the number of identities"
    SEQUENCES = "the number of sequences"
    FRAMES = "the number of frames"
    POINTS = "the number of points"
    FRAME_RATE = "the frame rate"
    BODY_MODEL = "the body model"
    FLAT_HAND_MEAN = "whether a pose of zeros is the flat hand:"
    SPLIT = "the split"
    DATASET = "the dataset"
    TRUTH = "the truth"
    SHAPE_ENCODER = "the shape encoder"
    POSE_ENCODER = "the pose encoder"

    HELD_OUT_IDENTITIES = "the identities to hold out"
    HELD_OUT_MOTIONS = "the motions to hold out"
    VALIDATION = "the fraction for validation"
    SPREAD = "the spread of near samples"
    TOLERANCE = "the tolerance of repair"
    CHECKED = "the fraction of samples that are checked"

    EXPORT_FORMAT = "the format"
    FRAME_OF_REFERENCE = "the frame of reference"
    EVERY = "the step between frames"
    ONLY = "the frames that are wanted"
    COLOURS = "the colours of the vertices"


class Task(Enum):
    """Work that a user can have done; the value says what, in plain words and as a request."""

    MAKE_DATASET = "make the dataset"
    MAKE_BODIES = "make a dataset of bodies"
    MAKE_HANDS = "make a dataset of hands"
    IMPORT_BODIES = "import bodies"
    IMPORT_HANDS = "import hands"
    MAKE_GRIDS = "make the grids"
    NORMALISE = "normalise the dataset"
    SPLIT = "split the dataset"
    SELECT = "select identities and sequences"
    SUBSAMPLE = "take fewer frames"
    PREPARE = "prepare the dataset"
    TRAIN_SHAPE = "train the shape stage"
    TRAIN_POSE = "train the pose stage"
    FIT = "fit a sequence"


@dataclass(frozen=True)
class Choice:
    """A value that was or should be chosen for a setting."""

    setting: Setting
    value: str


@dataclass(frozen=True)
class Do:
    """A task, and what it is done to."""

    task: Task
    on: str | Path = ""


@dataclass(frozen=True)
class ConfigField:
    """A field of a configuration by its name (``pose.steps``), and the value that was given for it."""

    name: str
    value: str = ""


Named = Setting | Task | Choice | Do | ConfigField
"""What each front end has a name of its own for."""
Words = Callable[[Named], str]
"""How a front end calls these things."""


def plain_words(named: Named) -> str:
    """Names that belong to no front end."""
    if isinstance(named, Choice):
        return f"{named.setting.value} {named.value}"
    if isinstance(named, Do):
        return f"{named.task.value} {named.on}".rstrip()
    if isinstance(named, ConfigField):
        return f"the field {named.name} {named.value}".rstrip()
    return named.value


@dataclass(frozen=True)
class Remedy:
    """What to do about a problem: ``text`` with a ``{}`` for each of ``parts``, of which strings stay as they are."""

    text: str
    parts: tuple[Named | str, ...] = ()

    def line(self, words: Words = plain_words) -> str:
        if not self.parts:  # plain text, in which braces are braces
            return self.text
        return self.text.format(*(part if isinstance(part, str) else words(part) for part in self.parts))


def remedy(text: str, *parts: Named | str) -> Remedy:
    """``remedy("state {}", Setting.DEPTH_UNITS)``; names and paths are parts too, for they may have braces in them."""
    assert text.count("{}") == len(parts), (text, parts)
    return Remedy(text, parts)


@dataclass(frozen=True)
class Notice:
    """Something a user should know that stopped nothing: what was guessed, what was left out, what looks wrong."""

    text: str
    remedy: Remedy | None = None

    def line(self, words: Words = plain_words) -> str:
        fix = "" if self.remedy is None else self.remedy.line(words)
        return f"{self.text}; {fix}" if fix else self.text

    def __str__(self) -> str:
        return self.line()


class InputError(ValueError):
    """Something the user handed over cannot be used; `line` says what, why, and how to mend it.

    The command line prints it and exits with 2, the application shows it in a dialog.
    """

    def __init__(self, subject: str | Path | Named, problem: str, remedy: str | Remedy = "") -> None:
        self._named = str(subject) if isinstance(subject, str | Path) else subject
        self.subject = self.name()
        """What cannot be used, in plain words."""
        self.problem = problem
        self.remedy = Remedy(remedy) if isinstance(remedy, str) else remedy
        super().__init__(self.line())

    def __reduce__(self) -> tuple[type["InputError"], tuple[str | Named, str, Remedy]]:
        return type(self), (self._named, self.problem, self.remedy)  # for errors that leave a worker process

    def line(self, words: Words = plain_words) -> str:
        """The whole error in one line."""
        fix = self.remedy.line(words)
        line = f"{self.name(words)}: {self.problem}" + (f"; {fix}" if fix else "")
        return " ".join(line.split())

    def as_notice(self, what: str) -> Notice:
        """The error as something that stopped nothing; ``what`` happened instead: ``skipped``, ``left out``."""
        return Notice(f"{what}: {self.subject}: {self.problem}", self.remedy)

    @property
    def settings(self) -> tuple[Setting, ...]:
        """What subject and remedy name of what a user can state."""
        named = (part.setting if isinstance(part, Choice) else part for part in (self._named, *self.remedy.parts))
        return tuple(part for part in named if isinstance(part, Setting))

    def name(self, words: Words = plain_words) -> str:
        """What cannot be used."""
        return self._named if isinstance(self._named, str) else words(self._named)


_OF_PYTHON = (
    *(ArithmeticError, AssertionError, AttributeError, EOFError, ImportError, IndexError, MemoryError, RuntimeError),
    *(SyntaxError, TypeError, UnicodeError),
)
_JARGON = re.compile(
    r"argument|array|axis|buffer|codec|convert|decod|dtype|encod|indices|int\(|literal|object|shape|subscript|unpack"
    r"|column|zip\(|\bb['\"]|0x|<"
)


def in_words(error: Exception) -> str:
    """What an exception of a library says of a file, in brackets and behind a blank, for the end of a problem.

    Nothing where it speaks of Python and not of the file.
    """
    if strerror := getattr(error, "strerror", None):
        said = str(strerror)
    elif isinstance(error, KeyError):
        said = f"it lacks {error.args[0]}" if error.args and str(error.args[0]).isidentifier() else ""
    else:
        said = "" if isinstance(error, _OF_PYTHON) else " ".join(str(error).split()).rstrip(".")
    return "" if not said or _JARGON.search(said) else f" ({said[:120]})"


class Cancelled(Exception):
    """The user asked a long job to stop and it had nothing worth keeping yet."""
