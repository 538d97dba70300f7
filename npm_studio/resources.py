"""Where the built-in models, depth sequence and presets are: in the package, or beside it in a checkout."""

from importlib.metadata import PackageNotFoundError, metadata
from importlib.resources import files
from pathlib import Path

from engine.core.errors import InputError

_PACKAGE = Path(str(files("npm_studio")))
"""A folder: PyTorch, Qt and VTK read files by their paths, so the package is never run from an archive."""
_NOT_TRAINING = ("quality", "suites")
"""What is called so, or lies in a folder called so, among the presets says how models and methods are measured."""


def is_checkout() -> bool:
    """Whether the program runs from a checkout of its sources, editable installation or not."""
    return (_PACKAGE.parent / "pyproject.toml").is_file()


def document(name: str) -> str | None:
    """The address of the document with this ``name``: its file beside the program in a checkout, or else the page of
    the project, where its metadata name one; None where there is neither."""
    path = _PACKAGE.parent / "docs" / f"{name}.md"
    if is_checkout() and path.is_file():
        return path.as_uri()
    try:
        pages = metadata("npm-studio").get_all("Project-URL") or []
    except PackageNotFoundError:
        return None
    return next((page.partition(",")[2].strip() for page in pages), None)


def demo_model() -> Path:
    """The built-in model of human bodies."""
    return _data("assets") / "models" / "anny-compact.npm"


def built_in_models() -> dict[str, Path]:
    """All built-in models by name."""
    return {path.stem: path for path in sorted((_data("assets") / "models").glob("*.npm"))}


def model_path(text: str) -> Path:
    """The model folder that a user names: a path, or the name of a built-in model where there is no such path."""
    path = Path(text)
    return path if path.exists() else built_in_models().get(text, path)


def demo_sequence() -> Path:
    """The built-in depth sequence: an identity and a motion that the built-in model has never seen."""
    return _data("assets") / "sequences" / "anny-demo"


def is_built_in(path: Path) -> bool:
    """Whether a model or depth sequence came with the program."""
    return path.resolve().is_relative_to(_data("assets").resolve())


def presets() -> dict[str, Path]:
    """The built-in presets of trainings by name, such as ``anny/tiny``."""
    folder = _data("configs")
    found = {path.relative_to(folder).with_suffix("").as_posix(): path for path in sorted(folder.glob("*/*.yaml"))}
    return {
        name: path
        for name, path in found.items()
        if not path.stem.startswith(_NOT_TRAINING) and path.parent.name not in _NOT_TRAINING
    }


def scene_sets() -> Path:
    """The file with the sets of scenes that fits are measured on."""
    return _data("configs") / "scenes.yaml"


def suites() -> dict[str, Path]:
    """The built-in suites that methods are measured on, by name."""
    return {path.stem: path for path in sorted((_data("configs") / "suites").glob("*.yaml"))}


def preset_path(text: str) -> Path:
    """The preset that a user names: a file, or else a built-in one as ``anny/tiny`` or ``configs/anny/tiny.yaml``.

    Raises:
        InputError: there is neither.
    """
    path = Path(text)
    if path.is_file():
        return path
    known = presets()
    name = path.as_posix().removeprefix("configs/").removesuffix(".yaml")
    if name not in known:
        raise InputError(text, "no such preset", f"name a file or a built-in preset: {', '.join(known)}")
    return known[name]


def _data(name: str) -> Path:
    """The folder ``assets`` or ``configs``: inside the package where it was installed, beside it in a checkout."""
    inside = _PACKAGE / name
    return inside if inside.is_dir() else _PACKAGE.parent / name
