"""Where the built-in model, depth sequence and presets are."""

from pathlib import Path

_ROOT = Path(__file__).resolve().parents[1]


def demo_model() -> Path:
    """The built-in model of human bodies."""
    return _ROOT / "assets" / "models" / "anny-compact.npm"


def demo_sequence() -> Path:
    """The built-in depth sequence: an identity and a motion that the built-in model has never seen."""
    return _ROOT / "assets" / "sequences" / "anny-demo"


def presets() -> Path:
    """The folder of training presets."""
    return _ROOT / "configs"
