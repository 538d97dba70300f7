"""What is done to open runs: they are named, taken off the list and deleted, as values of the document."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from engine.core.errors import InputError
from engine.methods.method import load_method
from engine.methods.run import Run
from engine.sequences.capture_options import CaptureOptions
from npm_studio.session.document.state import DocumentState


def renamed(state: DocumentState, folder: Path, name: str) -> DocumentState:
    """With the run in ``folder`` called ``name``; an empty one calls it by its date again."""
    runs = tuple(replace(one, name=name) if one.folder == folder else one for one in state.runs)
    return replace(state, runs=runs)


def without_run(state: DocumentState, folder: Path, delete: bool) -> DocumentState:
    """Without the run in ``folder``; with ``delete`` its folder goes to the wastebasket at the end."""
    gone = next(one for one in state.runs if one.folder == folder)
    runs = tuple(one for one in state.runs if one.folder != folder)
    fit = state.fit
    if fit.run == folder:
        others = [one.folder for one in runs if one.recording == gone.recording]
        fit = replace(fit, run=others[-1] if others else None)
    deleted = (*state.deleted_runs, str(folder)) if delete else state.deleted_runs
    return replace(state, runs=runs, fit=fit, deleted_runs=deleted)


def is_own(folder: Path, places: Iterable[Path]) -> bool:
    """Whether ``folder`` is a run that this program put into one of its ``places``, and not one from elsewhere."""
    return any(folder.is_relative_to(place) for place in places)


def made_at(run: Run) -> datetime:
    """When it was written."""
    return datetime.fromtimestamp((run.folder / "run.json").stat().st_mtime)


def time_in_words(run: Run, now: datetime) -> str:
    """When it was written, short: ``14:05`` of today, else as `day_in_words`."""
    then = made_at(run)
    return f"{then.hour}:{then.minute:02d}" if then.date() == now.date() else day_in_words(then, now)


def run_title(run: Run, given: str, now: datetime) -> str:
    """What ``run`` is called: the name it was ``given``, or else its method and when it was written."""
    return given or f"{method_title(run.method)}, {time_in_words(run, now)}"


def method_title(name: str) -> str:
    """What a method is called; its name where it is not installed here."""
    try:
        return load_method(name).title
    except InputError:
        return name


def day_in_words(then: datetime, now: datetime) -> str:
    """``Today, 14:05``, ``Yesterday, 9:30`` or ``3 May, 17:00``; with the year where that is another one."""
    days = (now.date() - then.date()).days
    clock = f"{then.hour}:{then.minute:02d}"
    if days in (0, 1):
        return f"{('Today', 'Yesterday')[days]}, {clock}"
    year = f" {then.year}" if then.year != now.year else ""
    return f"{then.day} {then:%B}{year}, {clock}"


def fitted_otherwise(run: CaptureOptions, now: CaptureOptions) -> str:
    """In what a recording was opened otherwise when it was fitted: ``before the floor was removed``; empty: in nothing.

    Args:
        run: how it was opened for the fit
        now: how it is open
    """
    before, after = run.isolation, now.isolation
    if run.as_dict() == now.as_dict():
        return ""
    if before.remove_planes != after.remove_planes:
        return f"fitted {'before' if after.remove_planes else 'after'} floor and walls were removed"
    if (before.near_m, before.far_m) != (after.near_m, after.far_m):
        return "fitted with another range of depth"
    if run.depth_scale != now.depth_scale:
        return "fitted with another unit of depth"
    if run.intrinsics != now.intrinsics:
        return "fitted with other intrinsics"
    if run.stream != now.stream:
        return "fitted to another depth stream"
    return "fitted to another subject" if run.subject != now.subject else "fitted with other masks"
