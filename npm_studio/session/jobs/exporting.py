"""Exports of the window. What draws pictures does so in a process of its own: the window's is for its own drawing."""

from dataclasses import dataclass, replace
from pathlib import Path

from engine.core.progress import Progress
from engine.exports.content import Up
from engine.exports.export_format import export
from engine.exports.of_run import content_of_run
from engine.exports.vertex_colours import run_correspondences
from engine.methods.run import Run
from engine.sequences.mesh_sequence import FrameOfReference
from npm_studio.reports.export_formats import export_format
from npm_studio.session.jobs.own_process import run_command

PICTURES = ("mp4", "png", "turntable")


@dataclass(frozen=True)
class ExportChoice:
    """What the user wants to export, and where to."""

    format_name: str
    out: Path
    frame: FrameOfReference = "world"
    up: Up = "y"
    correspondence: bool = False
    """Whether vertices are coloured by their place in the canonical pose."""


def export_run(run: Run, choice: ExportChoice, progress: Progress) -> tuple[str, ...]:
    """Write ``run`` as ``choice`` says; returns what is to be known of it.

    Raises:
        InputError: it cannot be written so.
        Cancelled: ``progress`` asked to stop; nothing is written.
    """
    content = content_of_run(run, choice.frame, choice.up)
    if choice.format_name in PICTURES:
        _in_a_process(run, choice, progress)
        return content.notes
    if choice.correspondence:
        content = replace(content, colours=run_correspondences(run))
    export(content, export_format(choice.format_name), choice.out, progress)
    return content.notes


def _in_a_process(run: Run, choice: ExportChoice, progress: Progress) -> None:
    colours = "correspondence" if choice.correspondence else "none"
    wanted = ["--format", choice.format_name, "--out", str(choice.out), "--frame", choice.frame, "--up", choice.up]
    progress.stage("drawing", 0)
    run_command(["export", str(run.folder), *wanted, "--colours", colours], choice.out, progress)
