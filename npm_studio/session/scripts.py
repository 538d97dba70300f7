"""What is on show, done again without a window: as a command line, and in Python with `npm_studio.api`."""

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import torch
from platformdirs import user_data_path
from torch import Tensor

from engine.methods.method import DEFAULT
from engine.models.model import NeuralParametricModel
from engine.models.named_codes import save_codes
from npm_studio.session.document.document import Document
from npm_studio.session.document.keyframes import frames_there, path_of
from npm_studio.session.flags import as_text, capture_flags
from npm_studio.session.jobs.comparison_report import report_choice
from npm_studio.session.jobs.exporting import ExportChoice

RESOLUTION = 256
"""Grid nodes per axis of the meshes."""
_HEAD = "from pathlib import Path\n\nfrom npm_studio import api\n\n"


@dataclass(frozen=True)
class Script:
    """Two ways to do one thing. What they write lies in the folder that they are run in."""

    command_line: str
    """Empty where `npm_studio.session.twins` has it."""
    python: str


def script_of(document: Document) -> Script | None:
    """Of what the workspace on show has; None where it has nothing that can be done without a window."""
    make = _SCRIPTS.get(document.state.view.workspace)
    return None if make is None else make(document)


def export_script(run: Path, choice: ExportChoice) -> Script:
    """Of an export of the run in the folder ``run`` as the user has chosen it."""
    line: list[object] = ["export", run, "--out", choice.out, "--format", choice.format_name]
    line += ["--frame", "camera"] if choice.frame == "camera" else []
    line += ["--up", "z"] if choice.up == "z" else []
    line += ["--colours", "correspondence"] if choice.correspondence else []
    coloured = "content = replace(content, colours=api.run_correspondences(run))\n" if choice.correspondence else ""
    imports = f"from dataclasses import replace\n{_HEAD}" if choice.correspondence else _HEAD
    python = (
        f"{imports}run = api.load_run(Path({str(run)!r}))\n"
        f"content = api.content_of_run(run, {choice.frame!r}, {choice.up!r})\n{coloured}"
        f"api.export(content, api.export_format({choice.format_name!r}), Path({str(choice.out)!r}))\n"
    )
    return Script(_line(line), python)


def codes_file(model: NeuralParametricModel, shapes: Tensor, poses: Tensor | None) -> Path:
    """A file in the user's data folder with codes, see `save_codes`, named after them; it is written if need be."""
    numbers = shapes.numpy().tobytes() + (b"" if poses is None else poses.numpy().tobytes())
    name = sha256(numbers).hexdigest()[:12]
    path = user_data_path("npm-studio", appauthor=False) / "codes" / f"{model.info.name}-{name}.npz"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        save_codes(path, shapes, poses)
    return path


def _explored(document: Document) -> Script | None:
    model, folder, body = document.model, document.model_folder, document.state.explore
    if model is None or folder is None:
        return None
    begin = ["reconstruct", "--model", folder]
    owner = None if body.row is None else model.info.frames[body.row]
    if body.identity is not None and (body.pose is None or (owner is not None and owner.of(body.identity))):
        frame = [] if owner is None or body.pose is None else ["--frame", str(owner)]
        which: list[object] = ["--identity", model.info.identities[body.identity], *frame]
        shape, pose = f"model.shape_codes[{body.identity}]", f"model.pose_codes[{body.row}]"
        opened = ""
    else:
        path = codes_file(model, torch.tensor([body.shape]), None if body.pose is None else torch.tensor([body.pose]))
        which = ["--codes", path, *([] if body.pose is None else ["--frame", "0"])]
        opened = _codes_lines(path)
        shape, pose = "shapes[0]", "poses[0]"
    python = f"{_model_lines(folder)}{opened}shape = {shape}\nmesh = api.extract_surface(model, shape, {RESOLUTION})\n"
    if body.pose is not None:
        python += _posed("mesh", "shape", pose)
    python += 'api.save_mesh(mesh, Path("body.ply"))  # canonical units\n'
    return Script(_line([*begin, *which, "--resolution", RESOLUTION, "--out", "body.ply"]), python)


def _interpolated(document: Document) -> Script | None:
    model, folder, state = document.model, document.model_folder, document.state.interpolate
    if model is None or folder is None or len(state.keys) < 2:
        return None
    path = path_of(state)
    codes = codes_file(model, path.shapes, path.poses)
    python = (
        f"import numpy as np\n{_model_lines(folder)}{_codes_lines(codes)}"
        f"path = api.CodePath(shapes, poses, np.array({[key.time_s for key in state.keys]}), smooth={state.smooth})\n"
        f"for step, (shape, pose) in enumerate(path.at(path.evenly({frames_there(state)}))):\n"
        f"    mesh = api.extract_surface(model, shape, {RESOLUTION})\n"
        f"    if pose is not None:\n{_indented(_posed('mesh', 'shape', 'pose'), 8)}"
        '    api.save_mesh(mesh, Path(f"between-{step:03d}.ply"))  # canonical units\n'
    )
    return Script("", python)


def _transferred(document: Document) -> Script | None:
    model, folder, state = document.model, document.model_folder, document.state.transfer
    if model is None or folder is None or state.run is not None or state.source.pose is None:
        return None
    shapes = torch.tensor([body.shape for body in state.bodies])
    codes = codes_file(model, shapes, torch.tensor([state.source.pose] * len(shapes)))
    python = (
        f"{_model_lines(folder)}{_codes_lines(codes)}"
        "for number, (shape, pose) in enumerate(zip(shapes, poses, strict=True)):\n"
        f"    mesh = api.extract_surface(model, shape, {RESOLUTION})\n"
        f"{_indented(_posed('mesh', 'shape', 'pose'), 4)}"
        '    api.save_mesh(mesh, Path(f"body-{number}.ply"))  # canonical units\n'
    )
    return Script("", python)


def _fitted(document: Document) -> Script | None:
    state, folder = document.state.fit, document.model_folder
    observation = document.observation_at(state.recording)
    if observation is None:
        return None
    root, method, capture = observation.sequence.root, state.method or DEFAULT, observation.capture
    fields = [text for name, value in state.values.items() for text in (f"--{name}", as_text(value))]
    line = ["fit", root, "--method", method, *([] if folder is None else ["--model", folder]), *fields]
    line += [*capture_flags(capture), *(["--fill-lost"] if state.fill_lost else []), "--out", "run"]
    model = "None" if folder is None else "api.LoadedModel(folder, model)"
    python = (
        f"{_HEAD if folder is None else _model_lines(folder)}"
        f"capture = api.CaptureOptions.from_dict({capture.as_dict()!r})\n"
        f"sequence = api.open_subject(Path({str(root)!r}), api.registered_readers(), capture, "
        f"{'None' if folder is None else 'model'})\n"
        f"method = api.load_method({method!r})\n"
        f"config = method.config_type(**{dict(state.values)!r})\n"
        f'request = api.FitRequest(method, config, sequence, Path("run"), {model}, '
        f"fill_lost={state.fill_lost}, capture=capture)\n"
        "run = api.run_fit(request)\nprint(run.verdict, run.reason)\n"
    )
    return Script(_line(line), python)


def _compared(document: Document) -> Script | None:
    choice = report_choice(document)
    if choice is None:
        return None
    truth = ["--truth", choice.truth] if choice.truth else []
    runs = ", ".join(f"Path({str(run)!r})" for run in choice.runs)
    first = f"api.load_run(Path({str(choice.runs[0])!r})).inputs.sequence"
    folder = {"": first, "none": "None"}.get(choice.truth, f"Path({choice.truth!r})")
    opened = "None" if choice.truth == "none" else "api.open_truth(folder, api.open_dataset)[0]"
    python = (
        f"{_HEAD}runs = api.named_runs([api.load_run(folder) for folder in ({runs})])\n"
        f"folder = {folder}  # of the truth\ntruth = {opened}\n"
        'numbers = api.write_comparison(api.compared_runs(runs, truth, folder), Path("comparison"))\n'
    )
    return Script(_line(["compare", *choice.runs, *truth, "--out", "comparison"]), python)


_SCRIPTS: dict[str, Callable[[Document], Script | None]] = {
    "explore": _explored,
    "interpolate": _interpolated,
    "transfer": _transferred,
    "fit": _fitted,
    "compare": _compared,
}
"""By workspace."""


def _line(words: Sequence[object]) -> str:
    return shlex.join(["npm-studio", *map(str, words)])


def _model_lines(folder: Path) -> str:
    return f"{_HEAD}folder = Path({str(folder)!r})\nmodel = api.load_model(folder)\n"


def _posed(mesh: str, shape: str, pose: str) -> str:
    return f"{mesh} = api.Mesh(api.pose_vertices(model, {shape}, {pose}, {mesh}.vertices), {mesh}.faces)\n"


def _indented(lines: str, spaces: int) -> str:
    return "".join(" " * spaces + line + "\n" for line in lines.splitlines())


def _codes_lines(path: Path) -> str:
    return f"shapes, poses = api.load_codes(Path({str(path)!r}), model)\n"
