"""The cells of a suite: one contender on one case in one setting, fitted, and then measured against the truth.

A fit leaves ``run-1``, ``run-2``, ... of each subject that was opened, and ``cell.json``, which says what it was given
and how long it took. Fits are timed, so they are alone on their device; measuring takes no GPU.
"""

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from engine.core.devices import describe_device, resolve_device
from engine.core.files import read_json, replacing_folder, write_json
from engine.methods.job import run_fit
from engine.methods.method import LoadedModel
from engine.methods.request import FitRequest
from engine.methods.run import PRECISION, Run
from engine.models.checkpoint import load_model
from engine.sequences.capture_options import CaptureOptions
from engine.sequences.depth_sequence import DepthSequence
from engine.sequences.opening import open_subject, open_subjects
from engine.sequences.reader import registered_readers
from npm_studio.suites.cases import load_case
from npm_studio.suites.contender import Contender, contenders_of

DESCRIPTION = "cell.json"
_WARM_UP_FRAMES = 2
_warm: set[tuple[str, Path]] = set()
"""Contenders with models that have run in this process."""


def fit_cell(
    out: Path,
    case: Path,
    model: Path,
    setting: str,
    contender: str,
    frames: int | None = None,
    seed: int = 0,
    device: str = "auto",
) -> dict[str, Any]:
    """Fit ``contender`` to a case and write the runs into ``out``; what ``cell.json`` says.

    What is opened is the same for all contenders: masks of the subject, placement and time stamps.

    Args:
        model: folder of the model that opens the recording, and that methods with one fit
        frames: the first of the case; all when absent

    Raises:
        InputError: the case cannot be opened, or the method cannot use it.
    """
    chosen = contenders_of([contender])[0]
    method, config = chosen.config_for(case.name, setting)
    loaded, opened = _loaded(model, device), _opened(case, model, setting, frames, device)
    where = loaded.model.device
    if where.type == "cuda":
        _warm_up(chosen, case.name, setting, opened[0], loaded)
    with replacing_folder(out) as folder:
        runs, seconds = [], 0.0
        for number, sequence in enumerate(opened, 1):
            capture = CaptureOptions(subject=number) if load_case(case).file.in_room else CaptureOptions()
            given = loaded if method.requires.takes_model() else None
            request = FitRequest(
                method, config, sequence, folder / f"run-{number}", given, seed=seed, device=device, capture=capture
            )
            runs.append(run_fit(request))
            seconds += _seconds_of(runs[-1])
        facts = {
            "contender": contender,
            "method": method.id,
            "config": config.model_dump(mode="json"),
            "runs": [run.folder.name for run in runs],
            "verdicts": [[run.verdict, run.reason] for run in runs],
            "frames": sum(len(run.frames) for run in runs),
            "seconds": seconds,
            "precision": runs[0].details.get(PRECISION, ""),
            "device": describe_device(where),
            "given": given_to(opened),
            "seed": seed,
            "versions": {"npm-studio": version("npm-studio"), "torch": torch.__version__},
        }
        write_json(folder / DESCRIPTION, facts)
    return facts


def cell_facts(fit: Path) -> Mapping[str, Any]:
    """What `fit_cell` wrote into ``fit``.

    Raises:
        InputError: it did not, or somebody has damaged it.
    """
    facts: Mapping[str, Any] = read_json(fit / DESCRIPTION, "fit it again")
    return facts


def given_to(opened: tuple[DepthSequence, ...]) -> str:
    """A hash of all that a method is given of a recording: depth of the subject, cameras, time stamps."""
    found = hashlib.sha256()
    for sequence in opened:
        for index in range(len(sequence)):
            found.update(np.ascontiguousarray(sequence.depth_m(index)).tobytes())
            found.update(np.ascontiguousarray(sequence.camera_at(index).round(6)).tobytes())
        found.update(sequence.times_s.tobytes())
        found.update(repr((sequence.camera, sequence.frame_names)).encode())
    return found.hexdigest()[:16]


@lru_cache(maxsize=1)
def _loaded(model: Path, device: str) -> LoadedModel:
    return LoadedModel(model, load_model(model, resolve_device(device)))


@lru_cache(maxsize=2)
def _opened(case: Path, model: Path, setting: str, frames: int | None, device: str) -> tuple[DepthSequence, ...]:
    """The subjects of a case; those of a room told from it by the model, so that no method has to."""
    found, loaded = load_case(case), _loaded(model, device)
    path, readers = found.recording(setting), registered_readers()
    if not found.file.in_room:
        sequences: tuple[DepthSequence, ...] = (open_subject(path, readers, CaptureOptions(), loaded.model),)
    elif found.subjects == 1:
        sequences = (open_subject(path, readers, CaptureOptions(subject=1), loaded.model),)
    else:
        sequences = open_subjects(path, readers, CaptureOptions(), loaded.model)
    if frames is None:
        return sequences
    return tuple(each.subset(range(min(frames, len(each)))) for each in sequences)


def _warm_up(contender: Contender, case: str, setting: str, sequence: DepthSequence, loaded: LoadedModel) -> None:
    """What a first fit of a process compiles and allocates is not part of its time."""
    key, device = (contender.text, loaded.folder), str(loaded.model.device)
    if key in _warm:
        return
    method, config = contender.config_for(case, setting)
    given = loaded if method.requires.takes_model() else None
    few = sequence.subset(range(min(_WARM_UP_FRAMES, len(sequence))))
    with TemporaryDirectory() as folder:
        run_fit(FitRequest(method, config, few, Path(folder) / "run", given, device=device))
    _warm.add(key)


def _seconds_of(run: Run) -> float:
    """Of the method, to meshes: without what is measured of any method afterwards."""
    return run.timings["total"] - run.timings.get("measure", 0.0)
