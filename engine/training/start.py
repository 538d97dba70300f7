"""How a training begins beside what an earlier one left: go on, begin anew, or on the codes of another model."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from engine.core.errors import Choice, Do, InputError, Notice, Remedy, Setting, Task, remedy
from engine.core.progress import Progress
from engine.dataset.fingerprint import data_difference
from engine.dataset.registered import RegisteredDataset
from engine.models.model import NeuralParametricModel
from engine.training.stage import TrainingStage
from engine.training.state import BUILT_ON, training_folder


@dataclass(frozen=True)
class Start:
    """What to begin from. Without any of these a training begins only where nothing of an earlier one would go."""

    resume: str | None = None
    """``last``, ``best`` or a number of steps: the state to go on from."""
    restart: bool = False
    """Begin anew, and give up states and stages of an earlier training."""
    warm: NeuralParametricModel | None = None
    """A model to begin on: its networks, and its codes of the identities and frames that it knows."""


ANEW = Start()


def check_start(out: Path, stages: Iterable[str], trained: Iterable[str], start: Start) -> None:
    """Refuse to begin where that would end states or stages of an earlier training.

    Args:
        stages: that begin now
        trained: stages that the model in ``out`` has

    Raises:
        InputError: naming what there is.
    """
    if start.resume is not None or start.restart:
        return
    stages = list(stages)
    lost = dict.fromkeys(name for stage in stages for name in (stage, *BUILT_ON.get(stage, ())))
    folder = training_folder(out)
    states = [path.name for name in lost for path in sorted(folder.glob(f"{name}.*.state"))]
    done = [name for name in trained if name in stages]
    if not states and not done:
        return
    more = f" and {len(states) - 2} more states" if len(states) > 2 else ""
    there = [", ".join(states[:2]) + more] if states else []
    there += [f"the trained {' and '.join(done)} in {out}"] if done else []
    problem = f"holds an earlier training, which would be lost: {', '.join(there)}"
    fix = remedy(
        "add {} to go on or {} to begin anew, or choose another folder for {}",
        Setting.RESUME,
        Setting.RESTART,
        Setting.OUT,
    )
    raise InputError(folder if states else out, problem, fix)


def check_same(out: Path, name: str, note: dict[str, Any], config: dict[str, Any], data: dict[str, Any]) -> None:
    """Refuse to call a stage finished that was trained otherwise than is asked for now.

    Args:
        note: what the model says of the training of the stage
        config: of the stage, as it is asked for; fewer steps than were done are no difference
        data: a note of the data that are there now

    Raises:
        InputError: naming the first difference.
    """
    before, now = _fields(note.get("config", config)), _fields(config)
    differing = [key for key in {**before, **now} if before.get(key) != now.get(key) and key != "schedule.steps"]
    problem = ""
    if differing:
        key = differing[0]
        more = f" (and {len(differing) - 1} more fields)" if len(differing) > 1 else ""
        problem = f"its {name} stage was trained with {key} {before.get(key)}, not {now.get(key)}{more}"
    elif difference := data_difference(note.get("data", data), data):
        problem = f"its {name} stage was trained on {difference}"
    if problem:
        raise InputError(out, problem, instead_of_going_on(out))


def instead_of_going_on(out: Path) -> Remedy:
    """What to do where data or configuration are others than those of the training beside model ``out``."""
    if not (out / "model.json").is_file():
        return remedy("train with those, or begin anew with {}", Setting.RESTART)
    fix = "train with those, begin on this model with {} and another folder for {}, or begin anew with {}"
    return remedy(fix, Choice(Setting.START_MODEL, str(out)), Setting.OUT, Setting.RESTART)


def begin_on(
    stage: TrainingStage, dataset: RegisteredDataset, model: NeuralParametricModel, progress: Progress
) -> None:
    """Give a stage the network of ``model``, its codes where it knows identity or frame, and their mean elsewhere.

    Encoders begin anew, as they have learned other codes.

    Raises:
        InputError: the networks differ, or the model lives at another scale than the data.
    """
    if stage.name not in ("shape", "pose"):
        return
    decoder = model.shape_decoder if stage.name == "shape" else model.pose_decoder
    codes = model.shape_codes if stage.name == "shape" else model.pose_codes
    if decoder is None or codes is None:
        progress.message(f"model {model.info.name} has no {stage.name} stage to begin on")
        return
    _check_scale(dataset, model)
    try:
        stage.network.load_state_dict(decoder.state_dict())
        assert stage.codes is not None
        if stage.codes.shape[1] != codes.shape[1]:
            raise ValueError
    except (RuntimeError, ValueError):
        problem = f"has a {stage.name} network of other size than the preset asks for"
        raise InputError(f"model {model.info.name}", problem, "train with the preset of that model") from None
    known, wanted = (_keys_of_model(model, stage.name), _keys_of_data(dataset, stage.name))
    rows = [known.get(key) for key in wanted]
    found = [row for row in rows if row is not None]
    with torch.no_grad():
        source = codes.to(stage.codes.device)
        for place, row in enumerate(rows):
            stage.codes[place] = source.mean(0) if row is None else source[row]
    what = "identities" if stage.name == "shape" else "frames"
    progress.message(f"begins on model {model.info.name}: {len(found)} of {len(rows)} {what} are known to it")
    if not found:
        text = f"model {model.info.name} knows none of the {what} by the names of dataset, identity and motion"
        progress.notice(Notice(text, Remedy("use the dataset that it was trained with, grown")))


def _check_scale(dataset: RegisteredDataset, model: NeuralParametricModel) -> None:
    mine, its = dataset.similarity, model.info.similarity
    if abs(mine.scale / its.scale - 1) < 1e-3:
        return
    problem = f"has a scale of {mine.scale:.4g} per metre, model {model.info.name} one of {its.scale:.4g}"
    place = Choice(Setting.NORMALISATION, ",".join(f"{value:.6g}" for value in (its.scale, *its.centre)))
    raise InputError(dataset.root, problem, remedy("{} with {}", Do(Task.NORMALISE, dataset.root), place))


def _keys_of_model(model: NeuralParametricModel, stage: str) -> dict[tuple[str, ...], int]:
    """Row of each identity, or of each frame, by the names that it has."""
    info = model.info
    owners = list(zip(info.identity_datasets or [""] * len(info.identities), info.identities, strict=True))
    if stage == "shape":
        return {owner: row for row, owner in enumerate(owners)}
    return {(*owners[frame.identity], frame.sequence, frame.sample): row for row, frame in enumerate(info.frames)}


def _keys_of_data(dataset: RegisteredDataset, stage: str) -> list[tuple[str, ...]]:
    owners = [(stored.dataset, stored.name) for stored in dataset.stored]
    if stage == "shape":
        return list(owners)
    return [(*owners[label.identity], label.sequence, label.sample) for label in dataset.labels]


def _fields(config: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Dotted names and values as JSON has them."""
    found: dict[str, Any] = {}
    for key, value in json.loads(json.dumps(config)).items():
        found |= _fields(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return found
