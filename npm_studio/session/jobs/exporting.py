"""Exports of the window. What draws pictures does so in a process of its own: the window's is for its own drawing."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from engine.core.errors import Cancelled, InputError
from engine.core.files import replacing_folder
from engine.core.progress import Progress
from engine.exports.content import ExportContent, Up
from engine.exports.export_format import export
from engine.exports.of_run import content_of_run
from engine.exports.vertex_colours import run_correspondences
from engine.geometry.mesh import Mesh
from engine.geometry.ply import save_compact_ply
from engine.geometry.similarity import Similarity
from engine.methods.run import CANONICAL_SURFACE, Run, RunInputs, frame_records, save_run
from engine.sequences.mesh_sequence import FrameOfReference, MeshSequence
from npm_studio.reports.export_formats import EXPORT_FORMATS, export_format
from npm_studio.session.jobs.own_process import run_command

PICTURES = ("mp4", "png", "turntable")
OF_BODIES = ("ply", "obj", "stl", "glb", "npz", "pc2", "mp4", "png", "turntable")
"""Formats of what the sliders make; a table of frames is of runs."""
_AS_FITTED = (
    "The run stands where the fit has it in the world of its recording, or as the camera of each frame saw it, "
    "and is not put on the floor."
)
_OF_SEVERAL = ("pc2", "csv", "mp4")
"""Formats that say nothing of a single frame."""


@dataclass(frozen=True)
class ExportChoice:
    """What the user wants to export, and where to."""

    format_name: str
    out: Path
    frame: FrameOfReference = "world"
    up: Up = "y"
    correspondence: bool = False
    """Whether vertices are coloured by their place in the canonical pose."""


@dataclass(frozen=True, eq=False)
class Exportable:
    """Something on show that can be exported."""

    title: str
    """As it is called in the window, such as ``Anny 000: all 8 frames``."""
    name: str
    """That its files are suggested to have."""
    frames: int
    one_topology: bool
    """Whether all frames have the same triangles."""
    formats: tuple[str, ...]
    write: Callable[[ExportChoice, Progress], tuple[str, ...]]
    """Writes it and returns what is to be known of it; raises InputError, or Cancelled with nothing written."""
    has_cameras: bool = False
    """Whether it says where the camera was in each frame."""
    run: Path | None = None
    """The folder of the run that it is."""
    note: str = ""
    """What is to be known before."""
    in_folder: bool = False
    """Whether it is several things, each a file or folder of its own in one folder."""


def exportable_run(run: Run, title: str) -> Exportable:
    """All frames of ``run``, which the window calls ``title``."""
    return Exportable(
        title,
        run.folder.name,
        len(run.frames),
        run.meshes.one_topology,
        EXPORT_FORMATS,
        lambda choice, progress: export_run(run, choice, progress),
        run.cameras_to_world is not None,
        run.folder.resolve(),
        _AS_FITTED,
    )


def all_of(title: str, name: str, each: Sequence[Exportable]) -> Exportable:
    """All of ``each``, which have the same formats and number of frames, in one new folder."""

    def write(choice: ExportChoice, progress: Progress) -> tuple[str, ...]:
        out, form, notes = choice.out, export_format(choice.format_name), list[str]()
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise InputError(out, "is there already", "choose a new folder")
        with replacing_folder(out) as folder:
            for number, one in enumerate(each, 1):
                stem = f"{number} {one.name}"  # some may have the same name
                is_file = one.frames == 1 or not form.per_frame
                place = folder / (f"{stem}{form.suffix}" if is_file else stem)
                notes += one.write(replace(choice, out=place), progress)
        return tuple(dict.fromkeys(notes))

    first = each[0]
    one_topology = all(one.one_topology for one in each)
    return Exportable(title, name, first.frames, one_topology, first.formats, write, note=first.note, in_folder=True)


def formats_of(exportable: Exportable) -> tuple[str, ...]:
    """Those that can hold it, or may: what a run has no codes for is only known when they are read."""
    single = exportable.frames == 1
    return tuple(
        name
        for name in exportable.formats
        if not (single and name in _OF_SEVERAL)
        and (single or exportable.one_topology or not export_format(name).one_topology)
    )


def export_run(run: Run, choice: ExportChoice, progress: Progress) -> tuple[str, ...]:
    """Write ``run`` as ``choice`` says; returns what is to be known of it.

    Raises:
        InputError: it cannot be written so.
        Cancelled: ``progress`` asked to stop; nothing is written.
    """
    content = content_of_run(run, choice.frame, choice.up)
    if choice.format_name in PICTURES:
        _in_a_process(run.folder, choice, progress)
        return content.notes
    if choice.correspondence:
        content = replace(content, colours=run_correspondences(run))
    export(content, export_format(choice.format_name), choice.out, progress)
    return content.notes


def export_bodies(
    content: ExportContent,
    canonical: Callable[[], Mesh],
    similarity: Similarity,
    choice: ExportChoice,
    progress: Progress,
) -> tuple[str, ...]:
    """Write ``content``, which the sliders made, as ``choice`` says; returns what is to be known of it.

    Args:
        canonical: its surface in the canonical pose, metres, for the colours of pictures
        similarity: between the model and metres

    Raises:
        InputError: it cannot be written so.
        Cancelled: ``progress`` asked to stop; nothing is written.
    """
    if choice.format_name not in PICTURES:
        export(content, export_format(choice.format_name), choice.out, progress)
        return content.notes
    with tempfile.TemporaryDirectory(prefix="npm-studio-export-") as folder:
        run = Path(folder) / content.meshes.title
        run.mkdir()
        if choice.correspondence:
            save_compact_ply(canonical(), run / CANONICAL_SURFACE, "metres")
        meshes = _followed(content.meshes, progress)
        frames = frame_records(meshes, times_known=not bool((meshes.times_s != meshes.times_s).any()))
        save_run(Run(run, "npm", RunInputs(run, similarity=similarity), meshes, frames, {}))
        _in_a_process(run, choice, progress)
    return content.notes


def _followed(meshes: MeshSequence, progress: Progress) -> MeshSequence:
    """``meshes``, of which it is told how many have been read; raises Cancelled when asked to stop."""
    progress.stage("meshes", len(meshes))

    def read(index: int) -> Mesh:
        if progress.cancelled():
            raise Cancelled
        mesh = meshes.read(index)
        progress.advance(index + 1)
        return mesh

    return replace(meshes, read=read)


def _in_a_process(run: Path, choice: ExportChoice, progress: Progress) -> None:
    colours = "correspondence" if choice.correspondence else "none"
    wanted = ["--format", choice.format_name, "--out", str(choice.out), "--frame", choice.frame, "--up", choice.up]
    progress.stage("drawing", 0)
    run_command(["export", str(run), *wanted, "--colours", colours], choice.out, progress)
