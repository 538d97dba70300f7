"""The report of the runs that are compared in the window, as `npm-studio compare` writes it."""

from dataclasses import dataclass
from pathlib import Path

from engine.core.progress import Progress
from npm_studio.session.document.compared_sides import offers, reference_of
from npm_studio.session.document.document import Document
from npm_studio.session.jobs.own_process import run_command

PAGE = "index.html"


@dataclass(frozen=True)
class ReportChoice:
    """What a report is of."""

    runs: tuple[Path, ...]
    truth: str
    """As ``--truth`` of the command takes it: a path, or ``none``; empty: that which came with the recording."""


def report_choice(document: Document) -> ReportChoice | None:
    """The runs that are compared, against what the window measures them against; None where there are none."""
    state = document.comparison
    runs = tuple(source.path for source in state.on_show if source.kind == "run")
    if not runs:
        return None
    reference = reference_of(state, offers(document, state.mesh_files))
    if reference is None or reference.source.kind not in ("truth", "meshes"):
        return ReportChoice(runs, "none")
    return ReportChoice(runs, str(reference.source.path) if reference.source.kind == "meshes" else "")


def write_report(choice: ReportChoice, out: Path, progress: Progress) -> Path:
    """Write the report into the folder ``out``; returns its page.

    Raises:
        InputError: the runs cannot be compared, or ``out`` holds something else.
        Cancelled: ``progress`` asked to stop; nothing is written.
    """
    truth = ["--truth", choice.truth] if choice.truth else []
    run_command(["compare", *map(str, choice.runs), *truth, "--out", str(out)], out, progress)
    return out / PAGE
