"""The names that scripts and plug-ins may rely on; everything else may move.

A script opens a model, makes a mesh, fits a recording and measures and writes the result::

    from pathlib import Path
    from npm_studio import api

    folder = api.model_path("anny-compact")
    model = api.load_model(folder)
    api.save_mesh(api.extract_surface(model, model.shape_codes[0], 128), Path("body.ply"))  # canonical units
    sequence = api.open_subject(Path("walk.mkv"), api.registered_readers(), api.CaptureOptions(), model)
    method = api.load_method("npm")
    request = api.FitRequest(method, method.config_type(), sequence, Path("run"), api.LoadedModel(folder, model))
    run = api.run_fit(request)
    print(run.verdict, run.reason, api.mean_distance_mm(run), api.lost_rows(run))
    print(api.measured_body(run).as_dict())  # height, girths and more, with their standard errors
    truth, _ = api.open_truth(Path("truth"), api.open_dataset)
    print(api.evaluate_sequence(api.prediction_of(run, Path("truth")), truth).summary())
    api.export(api.content_of_run(run), api.export_format("ply"), Path("meshes"))  # metres, world, a file per frame
    api.export(api.content_of_run(run), api.export_format("glb"), Path("run.glb"))  # one mesh, animated

A plug-in is an installed package that names a `FitMethod` or a `RecordingReader` in its metadata; there is one with
both in ``docs/examples/plugin`` of the sources. A name's own module is imported when the name is asked for: a plug-in
that takes what it declares from here, and the rest inside its functions, leaves lists and help texts quick.
Where a recording shows several people, `open_subjects` opens each alone; what several cameras recorded, `open_views`
opens together; a mesh of all sides, which `scan_of` reads, `open_scan`. Runs by several methods are put beside each
other by `named_runs` and `compared_runs`, for `write_comparison`.
`run_tasks` has many things done by several processes or machines, such as the fits of a manifest (``docs/cluster.md``).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.comparison.comparison import Comparison as Comparison
    from engine.comparison.comparison import compare as compare
    from engine.comparison.frame_errors import FrameErrors as FrameErrors
    from engine.comparison.frame_errors import frame_errors as frame_errors
    from engine.comparison.intervals import Interval as Interval
    from engine.comparison.intervals import paired_difference as paired_difference
    from engine.comparison.own_truth import own_truth as own_truth
    from engine.comparison.side import Side as Side
    from engine.comparison.side import side_of_truth as side_of_truth
    from engine.comparison.side import sides_of_runs as sides_of_runs
    from engine.comparison.summary import SideSummary as SideSummary
    from engine.comparison.summary import summarise as summarise
    from engine.core.config import Config as Config
    from engine.core.errors import Cancelled as Cancelled
    from engine.core.errors import Choice as Choice
    from engine.core.errors import Do as Do
    from engine.core.errors import InputError as InputError
    from engine.core.errors import Notice as Notice
    from engine.core.errors import Remedy as Remedy
    from engine.core.errors import Setting as Setting
    from engine.core.errors import Task as Task
    from engine.core.errors import remedy as remedy
    from engine.core.progress import Progress as Progress
    from engine.dataset.registered import RegisteredDataset as RegisteredDataset
    from engine.dataset.truth_origin import open_truth as open_truth
    from engine.evaluate.body_landmarks import NotABody as NotABody
    from engine.evaluate.body_measurements import measure_body as measure_body
    from engine.evaluate.metrics import SequenceMetrics as SequenceMetrics
    from engine.evaluate.metrics import evaluate_sequence as evaluate_sequence
    from engine.evaluate.prediction import Prediction as Prediction
    from engine.exports.content import ExportContent as ExportContent
    from engine.exports.export_format import ExportFormat as ExportFormat
    from engine.exports.export_format import export as export
    from engine.exports.of_model import content_of_model as content_of_model
    from engine.exports.of_run import content_of_run as content_of_run
    from engine.exports.vertex_colours import run_correspondences as run_correspondences
    from engine.geometry.camera import PinholeCamera as PinholeCamera
    from engine.geometry.mesh import Mesh as Mesh
    from engine.geometry.mesh import load_mesh as load_mesh
    from engine.geometry.mesh import save_mesh as save_mesh
    from engine.geometry.similarity import Similarity as Similarity
    from engine.methods.evaluation import prediction_of as prediction_of
    from engine.methods.job import run_fit as run_fit
    from engine.methods.measured_body import MeasuredBody as MeasuredBody
    from engine.methods.measured_body import measured_body as measured_body
    from engine.methods.method import FitMethod as FitMethod
    from engine.methods.method import FitResult as FitResult
    from engine.methods.method import LoadedModel as LoadedModel
    from engine.methods.method import MethodInputs as MethodInputs
    from engine.methods.method import Requirements as Requirements
    from engine.methods.method import load_method as load_method
    from engine.methods.method import method_names as method_names
    from engine.methods.refitting import as_fitted as as_fitted
    from engine.methods.refitting import refit_of as refit_of
    from engine.methods.request import FitRequest as FitRequest
    from engine.methods.run import Run as Run
    from engine.methods.run import RunFrame as RunFrame
    from engine.methods.run import load_run as load_run
    from engine.methods.run_summary import lost_rows as lost_rows
    from engine.methods.run_summary import mean_distance_mm as mean_distance_mm
    from engine.methods.run_summary import side_facts as side_facts
    from engine.methods.transferring import FittedMotion as FittedMotion
    from engine.methods.transferring import TransferredMotion as TransferredMotion
    from engine.methods.transferring import motion_of as motion_of
    from engine.methods.transferring import transfer_motion as transfer_motion
    from engine.models.checkpoint import load_model as load_model
    from engine.models.checkpoint import save_model as save_model
    from engine.models.code_path import CodePath as CodePath
    from engine.models.drawing import DrawnCodes as DrawnCodes
    from engine.models.drawing import draw_codes as draw_codes
    from engine.models.model import NeuralParametricModel as NeuralParametricModel
    from engine.models.named_codes import load_codes as load_codes
    from engine.models.named_codes import save_codes as save_codes
    from engine.sequences.camera_path import World as World
    from engine.sequences.capture_options import CaptureOptions as CaptureOptions
    from engine.sequences.depth_sequence import DepthSequence as DepthSequence
    from engine.sequences.depth_sequence import load_depth_sequence as load_depth_sequence
    from engine.sequences.depth_sequence import save_depth_sequence as save_depth_sequence
    from engine.sequences.depth_source import DepthFrame as DepthFrame
    from engine.sequences.depth_source import DepthSource as DepthSource
    from engine.sequences.isolation import Isolation as Isolation
    from engine.sequences.mesh_sequence import MeshSequence as MeshSequence
    from engine.sequences.mesh_sequence import mesh_sequence as mesh_sequence
    from engine.sequences.opening import open_recording as open_recording
    from engine.sequences.opening import open_subject as open_subject
    from engine.sequences.opening import open_subjects as open_subjects
    from engine.sequences.reader import RecordingReader as RecordingReader
    from engine.sequences.reader import registered_readers as registered_readers
    from engine.sequences.recording import Recording as Recording
    from engine.sequences.scan_views import open_scan as open_scan
    from engine.sequences.several_views import open_views as open_views
    from engine.sequences.source_kind import Pace as Pace
    from engine.sequences.source_kind import SourceKind as SourceKind
    from engine.sequences.source_kind import SourceOptions as SourceOptions
    from engine.sequences.source_kind import open_source as open_source
    from engine.sequences.truth import Truth as Truth
    from engine.surface.even_movement import movements as movements
    from engine.surface.even_movement import times_of_constant_speed as times_of_constant_speed
    from engine.surface.extract import extract_surface as extract_surface
    from engine.surface.extract import extract_surfaces as extract_surfaces
    from engine.surface.extract import pose_vertices as pose_vertices
    from engine.tracking.config import TrackerConfig as TrackerConfig
    from engine.tracking.live import TrackControl as TrackControl
    from engine.tracking.live import TrackSummary as TrackSummary
    from engine.tracking.live import track as track
    from engine.tracking.method import TrackerMethod as TrackerMethod
    from engine.tracking.npm_tracker import NpmTracker as NpmTracker
    from engine.tracking.tracker import TrackedFrame as TrackedFrame
    from engine.tracking.tracker import Tracker as Tracker
    from engine.training.config import TrainingConfig as TrainingConfig
    from engine.training.config import load_training_config as load_training_config
    from engine.training.run import train_all as train_all
    from external.datasets import open_dataset as open_dataset
    from external.scans import scan_of as scan_of
    from npm_studio.batch.fits import fit_tasks as fit_tasks
    from npm_studio.batch.manifest import read_manifest as read_manifest
    from npm_studio.batch.running import run_tasks as run_tasks
    from npm_studio.batch.task import BatchTask as BatchTask
    from npm_studio.batch.task import TaskOutcome as TaskOutcome
    from npm_studio.batch.workers import Workers as Workers
    from npm_studio.reports.comparison.compared import Compared as Compared
    from npm_studio.reports.comparison.compared import compared_runs as compared_runs
    from npm_studio.reports.comparison.compared import named_runs as named_runs
    from npm_studio.reports.comparison.writing import write_comparison as write_comparison
    from npm_studio.reports.export_formats import export_format as export_format
    from npm_studio.resources import built_in_models as built_in_models
    from npm_studio.resources import demo_sequence as demo_sequence
    from npm_studio.resources import model_path as model_path
    from npm_studio.resources import preset_path as preset_path

_MODULES = {
    "engine.comparison.comparison": (
        "Comparison",
        "compare",
    ),
    "engine.comparison.frame_errors": (
        "FrameErrors",
        "frame_errors",
    ),
    "engine.comparison.intervals": (
        "Interval",
        "paired_difference",
    ),
    "engine.comparison.own_truth": ("own_truth",),
    "engine.comparison.side": (
        "Side",
        "side_of_truth",
        "sides_of_runs",
    ),
    "engine.comparison.summary": (
        "SideSummary",
        "summarise",
    ),
    "engine.core.config": ("Config",),
    "engine.core.errors": (
        "Cancelled",
        "Choice",
        "Do",
        "InputError",
        "Notice",
        "Remedy",
        "Setting",
        "Task",
        "remedy",
    ),
    "engine.core.progress": ("Progress",),
    "engine.dataset.registered": ("RegisteredDataset",),
    "engine.dataset.truth_origin": ("open_truth",),
    "engine.evaluate.body_landmarks": ("NotABody",),
    "engine.evaluate.body_measurements": ("measure_body",),
    "engine.evaluate.metrics": ("SequenceMetrics", "evaluate_sequence"),
    "engine.evaluate.prediction": ("Prediction",),
    "engine.exports.content": ("ExportContent",),
    "engine.exports.export_format": (
        "ExportFormat",
        "export",
    ),
    "engine.exports.of_model": ("content_of_model",),
    "engine.exports.of_run": ("content_of_run",),
    "engine.exports.vertex_colours": ("run_correspondences",),
    "engine.geometry.camera": ("PinholeCamera",),
    "engine.geometry.mesh": (
        "Mesh",
        "load_mesh",
        "save_mesh",
    ),
    "engine.geometry.similarity": ("Similarity",),
    "engine.methods.evaluation": ("prediction_of",),
    "engine.methods.job": ("run_fit",),
    "engine.methods.measured_body": (
        "MeasuredBody",
        "measured_body",
    ),
    "engine.methods.method": (
        "FitMethod",
        "FitResult",
        "LoadedModel",
        "MethodInputs",
        "Requirements",
        "load_method",
        "method_names",
    ),
    "engine.methods.refitting": (
        "as_fitted",
        "refit_of",
    ),
    "engine.methods.request": ("FitRequest",),
    "engine.methods.run": (
        "Run",
        "RunFrame",
        "load_run",
    ),
    "engine.methods.run_summary": (
        "lost_rows",
        "mean_distance_mm",
        "side_facts",
    ),
    "engine.methods.transferring": (
        "FittedMotion",
        "TransferredMotion",
        "motion_of",
        "transfer_motion",
    ),
    "engine.models.checkpoint": (
        "load_model",
        "save_model",
    ),
    "engine.models.code_path": ("CodePath",),
    "engine.models.drawing": (
        "DrawnCodes",
        "draw_codes",
    ),
    "engine.models.model": ("NeuralParametricModel",),
    "engine.models.named_codes": (
        "load_codes",
        "save_codes",
    ),
    "engine.sequences.camera_path": ("World",),
    "engine.sequences.capture_options": ("CaptureOptions",),
    "engine.sequences.depth_sequence": (
        "DepthSequence",
        "load_depth_sequence",
        "save_depth_sequence",
    ),
    "engine.sequences.depth_source": (
        "DepthFrame",
        "DepthSource",
    ),
    "engine.sequences.isolation": ("Isolation",),
    "engine.sequences.mesh_sequence": (
        "MeshSequence",
        "mesh_sequence",
    ),
    "engine.sequences.opening": (
        "open_recording",
        "open_subject",
        "open_subjects",
    ),
    "engine.sequences.reader": (
        "RecordingReader",
        "registered_readers",
    ),
    "engine.sequences.recording": ("Recording",),
    "engine.sequences.scan_views": ("open_scan",),
    "engine.sequences.several_views": ("open_views",),
    "engine.sequences.source_kind": (
        "Pace",
        "SourceKind",
        "SourceOptions",
        "open_source",
    ),
    "engine.sequences.truth": ("Truth",),
    "engine.surface.even_movement": (
        "movements",
        "times_of_constant_speed",
    ),
    "engine.surface.extract": (
        "extract_surface",
        "extract_surfaces",
        "pose_vertices",
    ),
    "engine.tracking.config": ("TrackerConfig",),
    "engine.tracking.live": (
        "TrackControl",
        "TrackSummary",
        "track",
    ),
    "engine.tracking.method": ("TrackerMethod",),
    "engine.tracking.npm_tracker": ("NpmTracker",),
    "engine.tracking.tracker": (
        "TrackedFrame",
        "Tracker",
    ),
    "engine.training.config": (
        "TrainingConfig",
        "load_training_config",
    ),
    "engine.training.run": ("train_all",),
    "external.datasets": ("open_dataset",),
    "external.scans": ("scan_of",),
    "npm_studio.batch.fits": ("fit_tasks",),
    "npm_studio.batch.manifest": ("read_manifest",),
    "npm_studio.batch.running": ("run_tasks",),
    "npm_studio.batch.task": (
        "BatchTask",
        "TaskOutcome",
    ),
    "npm_studio.batch.workers": ("Workers",),
    "npm_studio.reports.comparison.compared": (
        "Compared",
        "compared_runs",
        "named_runs",
    ),
    "npm_studio.reports.comparison.writing": ("write_comparison",),
    "npm_studio.reports.export_formats": ("export_format",),
    "npm_studio.resources": (
        "built_in_models",
        "demo_sequence",
        "model_path",
        "preset_path",
    ),
}
_PLACES = {name: module for module, names in _MODULES.items() for name in names}
__all__ = sorted(_PLACES)


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return __all__
