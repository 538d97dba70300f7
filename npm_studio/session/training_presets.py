"""Which of the built-in presets suits whom."""

from npm_studio.resources import presets

_WHAT_FOR = {
    "tiny": "to try things out in minutes, without a GPU",
    "small": "a first look at a class of your own, in minutes",
    "compact": "models that stay interactive on a laptop without a GPU; train them on a GPU",
    "full": "the published sizes, for a GPU",
}
"""By the last part of their names, the smallest first."""
_FOR_GPU = ("compact", "full")
_PUBLISHED = ("cape", "mano", "amass-mixamo-cape")
"""Folders of presets that repeat a published training, the fewest steps first; all take more than any other."""
_OF_CLASS = {"human bodies": ("anny/tiny", "anny/compact"), "human hands": ("own/small", "hands/compact")}
_OF_ANY = ("own/small", "own/compact")


def presets_by_size() -> list[str]:
    """Names of all built-in presets, the smallest first."""
    return sorted(presets(), key=_size)


def what_for(preset: str) -> str:
    """What a built-in preset is meant for; empty of a user's own file."""
    return _WHAT_FOR.get(_kind(preset), "") if preset in presets() else ""


def is_for_gpu(preset: str) -> bool:
    """Whether a built-in preset takes too long without a GPU."""
    return preset in presets() and _kind(preset) in _FOR_GPU


def suited_preset(category: str, has_gpu: bool) -> str:
    """What to begin with for a dataset that shows ``category``."""
    small, large = _OF_CLASS.get(category, _OF_ANY)
    return large if has_gpu else small


def _kind(preset: str) -> str:
    return preset.rpartition("/")[2]


def _size(preset: str) -> tuple[int, int, str]:
    folder, _, kind = preset.rpartition("/")
    kinds = list(_WHAT_FOR)
    return (
        _PUBLISHED.index(folder) + 1 if folder in _PUBLISHED else 0,
        kinds.index(kind) if kind in kinds else len(kinds),
        preset,
    )
