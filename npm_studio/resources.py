"""Where the built-in models, depth sequence and presets are."""

from pathlib import Path

_ROOT = Path(__file__).resolve().parents[1]


def demo_model() -> Path:
    """The built-in model of human bodies."""
    return _ROOT / "assets" / "models" / "anny-compact.npm"


def built_in_models() -> dict[str, Path]:
    """All built-in models by name."""
    return {path.stem: path for path in sorted((_ROOT / "assets" / "models").glob("*.npm"))}


def model_path(text: str) -> Path:
    """The model folder that a user names: a path, or the name of a built-in model where there is no such path."""
    path = Path(text)
    return path if path.exists() else built_in_models().get(text, path)


def demo_sequence() -> Path:
    """The built-in depth sequence: an identity and a motion that the built-in model has never seen."""
    return _ROOT / "assets" / "sequences" / "anny-demo"


def presets() -> Path:
    """The folder of training presets."""
    return _ROOT / "configs"
