"""Sets of scenes in a YAML file: by set, by the name of a scene, what is not as usual about it.

A set may be like another one, with the seeds of all scenes later by a number: ``{like: test, seeds_later_by: 10000}``.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from engine.core.errors import InputError
from engine.core.files import check_name
from external.scenes.plan import ScenePlan, checked_plan

SceneSet = Mapping[str, ScenePlan]
"""Plans by the names of their scenes."""
_LIKE, _LATER = "like", "seeds_later_by"


def load_scene_sets(path: Path) -> dict[str, SceneSet]:
    """All sets of a file by name.

    Raises:
        InputError: it is missing or not YAML, or a scene makes no sense.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(path, "no such file") from None
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise InputError(path, f"is not readable YAML ({error.__class__.__name__})", "correct it") from None
    if not isinstance(content, dict) or not all(isinstance(scenes, dict) for scenes in content.values()):
        raise InputError(path, "does not name sets of scenes", "see configs/scenes.yaml")
    plain = {name: scenes for name, scenes in content.items() if _LIKE not in scenes}
    sets = {str(name): _plans(scenes, f"{path}: {name}") for name, scenes in plain.items()}
    for name, scenes in content.items():
        if _LIKE in scenes:
            sets[str(name)] = _later(sets, scenes, f"{path}: {name}")
    return {str(name): sets[str(name)] for name in content}


def _plans(scenes: Mapping[str, Any], what: str) -> SceneSet:
    plans = {}
    for name, values in scenes.items():
        if not isinstance(values, dict):
            raise InputError(f"{what}: {name}", "is no description of a scene", "correct it")
        plans[check_name(name, Path(what))] = checked_plan(values, f"{what}: {name}")
    return plans


def _later(sets: Mapping[str, SceneSet], likeness: Mapping[str, Any], what: str) -> SceneSet:
    like, later = likeness[_LIKE], likeness.get(_LATER)
    if set(likeness) != {_LIKE, _LATER} or like not in sets or type(later) is not int:
        raise InputError(what, f"needs {_LIKE}, the name of another set, and {_LATER}, a whole number", "correct it")
    return {name: dataclasses.replace(plan, seed=plan.seed + later) for name, plan in sets[like].items()}
