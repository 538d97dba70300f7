"""Fits with methods of other packages: each in a process of its own, whose crash does not take the window with it."""

import shutil
import tempfile
from pathlib import Path

from engine.core.errors import Cancelled, InputError
from engine.core.files import clear_leftovers
from engine.core.progress import Progress
from engine.core.registry import METHODS, is_of_others
from engine.methods.request import FitRequest
from engine.methods.run import Run, load_run
from npm_studio.session.flags import as_text, capture_flags
from npm_studio.session.jobs.own_process import ProcessDiedError, run_command
from npm_studio.session.jobs.runner import QueueProgress


def is_foreign(request: FitRequest) -> bool:
    """Whether the method comes from another package."""
    return is_of_others(METHODS, request.method.id)


def fit_arguments(request: FitRequest) -> list[str]:
    """Of the command line: what `npm-studio` is called with."""
    words = ["fit", str(request.sequence.root), "--method", request.method.id, "--out", str(request.out)]
    words += ["--seed", str(request.seed)]
    if request.model is None:
        words += ["--device", request.device]
    else:
        words += ["--model", str(request.model.folder), "--device", str(request.model.model.device)]
    for name, value in request.config.model_dump(mode="json", exclude_defaults=True).items():
        words += [f"--{name}", as_text(value)]
    words += [str(word) for word in capture_flags(request.capture)]
    return [*words, "--fill-lost"] if request.fill_lost else words


def foreign_fit(request: FitRequest, progress: Progress) -> Run:
    """Fit as `npm-studio fit` does.

    Raises:
        InputError: it cannot be done, or the method has crashed.
        Cancelled: asked to stop before there was anything to keep.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="npm-studio-") as folder:
            run_command(fit_arguments(request), request.out, progress, yields=True, previews=Path(folder))
    except ProcessDiedError as died:
        clear_leftovers(request.out.parent)
        problem = f"broke off: {died.how}"
        fix = "what it said last is in its log under Jobs; tell the author of its package"
        raise InputError(f"method {request.method.id!r}", problem, fix) from None
    except Cancelled:
        clear_leftovers(request.out.parent)
        if isinstance(progress, QueueProgress) and progress.is_unwanted:
            shutil.rmtree(request.out, ignore_errors=True)
        if not (request.out / "run.json").is_file():
            raise
    except InputError:
        if not (request.out / "run.json").is_file():  # else its verdict is that it has failed
            raise
    return load_run(request.out)
