"""Model cards: what a model is, what it was trained on and how good it is, as Markdown beside its files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from torch import nn

from engine.evaluate.representation import multiply_adds
from engine.models.model import NeuralParametricModel
from engine.models.networks.coordinates import CoordinateNetwork
from engine.models.networks.decoder import Decoder
from engine.models.networks.encoder import VoxelEncoder
from npm_studio.reports.metric_tables import cell, metric_tables, show, table, words

_STAGES = ("shape", "pose", "shape_encoder", "pose_encoder", "coordinates")
_DATASET_COMMANDS = {
    "anny": ("npm-studio dataset anny", ("identities", "sequences", "frames", "seed")),
    "anny hands": ("npm-studio dataset hands", ("identities", "sequences", "frames", "side", "seed")),
}
"""Command and options that make the datasets of each generator, by its name in their recipes."""


@dataclass(frozen=True)
class ModelCard:
    """What a card says beside what its model knows."""

    quality: Mapping[str, Any] | None = None
    """Metrics of ``benchmarks/model_quality.py``."""
    encoders: Mapping[str, Any] | None = None
    """Metrics of ``benchmarks/encoders.py``."""
    notes: str = ""
    """Markdown: where the model fails."""
    surfaces: tuple[str, str] | None = None
    """Picture beside the card, and its caption."""
    curves: str | None = None
    """Picture beside the card."""


def card_text(model: NeuralParametricModel, folder: Path, card: ModelCard) -> str:
    """The card of ``model``, whose files are in ``folder``, as Markdown."""
    info = model.info
    parts = [[f"# {info.name}", "", _summary(model), ""]]
    if card.surfaces:
        picture, caption = card.surfaces
        parts.append([f"![{cell(caption)}]({picture})", "", caption, ""])
    parts += [_sizes(model, folder), _data(info.training), _training(info.training, card.curves)]
    if card.quality:
        bars_first = sorted(card.quality.items(), key=lambda item: item[0] != "bars")
        units = "Distances in canonical units unless the table says otherwise"
        scale = f"{units} (0.001 = {1 / info.similarity.scale:.3g} mm); definitions in `docs/conventions.md`."
        parts.append(["## Quality", "", scale, "", *metric_tables(dict(bars_first))])
    if card.encoders:
        parts.append(["## Encoders", "", *metric_tables(card.encoders)])
    if card.notes:
        parts.append(["## Where it fails", "", *card.notes.strip().splitlines(), ""])
    parts.append(_retrain(info.name, info.training))
    return "\n".join(line for part in parts for line in part).rstrip() + "\n"


def _summary(model: NeuralParametricModel) -> str:
    count = len(model.info.identities)
    seen = f"{count:,} {'identity' if count == 1 else 'identities'}"
    if model.has_pose:
        seen += f" in {len(model.info.frames):,} frames"
    return f"A neural parametric model of {model.info.category}, learned from {seen}."


def _sizes(model: NeuralParametricModel, folder: Path) -> list[str]:
    info = model.info
    files = sum(path.stat().st_size for path in folder.iterdir() if path.is_file() and path.suffix != ".md")
    rows = {
        "class": info.category,
        "licence": info.licence,
        "shape decoder": _decoder(model.shape_decoder, model.shape_decoder.code_size),
    }
    if model.pose_decoder is not None:
        rows["pose decoder"] = _decoder(model.pose_decoder, model.pose_decoder.pose_code_size)
    for name, encoder in (("shape encoder", model.shape_encoder), ("pose encoder", model.pose_encoder)):
        if encoder is not None:
            rows[name] = _encoder(encoder)
    if model.coordinate_network is not None:
        rows["coordinate network"] = _coordinate_network(model.coordinate_network)
    rows["size on disk"] = f"{files / 1e6:.1f} MB"
    centre = ", ".join(f"{value:g}" for value in info.similarity.centre)
    rows["space"] = f"canonical = {info.similarity.scale:g} x (metres - ({centre}))"
    return table([{"": name, "what": text} for name, text in rows.items()])


def _decoder(decoder: Decoder, code_size: int) -> str:
    config = decoder.config
    encoding = f"{config.frequencies} frequencies" if config.positional_encoding else "plain coordinates"
    moves = ", rigid motions" if config.se3 else ""
    layers = f"{config.layers} x {config.width}, skip at layer {config.skip_layer}, {encoding}{moves}"
    return (
        f"{layers}; codes of {code_size}; {_parameters(decoder)} parameters, "
        f"{multiply_adds(decoder):,} multiply-adds per point"
    )


def _encoder(encoder: VoxelEncoder) -> str:
    config = encoder.config
    channels = ", ".join(str(count) for count in config.channels[: config.halvings])
    return f"occupancy of {config.resolution}^3, channels {channels}; {_parameters(encoder)} parameters"


def _coordinate_network(network: CoordinateNetwork) -> str:
    config = network.config
    channels = ", ".join(str(count) for count in config.channels)
    landmarks = f", {config.landmarks} landmarks" if config.landmarks else ""
    return f"crops of {config.size} x {config.size}, channels {channels}{landmarks}; {_parameters(network)} parameters"


def _parameters(module: nn.Module) -> str:
    return f"{sum(parameter.numel() for parameter in module.parameters()):,}"


def _data(training: Mapping[str, Any]) -> list[str]:
    dataset, recipe = training.get("dataset"), training.get("recipe")
    lines = ["## Trained on", ""]
    if dataset is None and not isinstance(recipe, Mapping):
        return [*lines, "Not recorded.", ""]
    if dataset is not None:
        lines += [f"The dataset `{dataset}`" + (", made by this recipe:" if recipe else "."), ""]
    if isinstance(recipe, Mapping):
        lines += [f"- {words(key)}: {_plain(value, str(key))}" for key, value in recipe.items()] + [""]
    return lines


def _plain(value: Any, name: str = "") -> str:
    if isinstance(value, Mapping):
        return "; ".join(f"{words(key)} {_plain(part, str(key))}" for key, part in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_plain(part, name) for part in value)
    return show(value, name)


def _stages(training: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """What was noted about each stage, in order."""
    return {name: training[name] for name in _STAGES if "config" in _mapping(training.get(name))}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _training(training: Mapping[str, Any], curves: str | None) -> list[str]:
    rows = [
        {
            "stage": words(name),
            "steps": show(note.get("steps")),
            "time": _duration(note.get("seconds")),
            "device": _device(note),
            "PyTorch": show(note.get("torch")),
            "seed": show(note.get("seed"), "seed"),
            "last metrics": _plain(_mapping(note.get("final"))),
            "held out": _plain(_mapping(note.get("validation"))),
        }
        for name, note in _stages(training).items()
    ]
    if not rows and curves is None:
        return []
    lines = ["## Training", ""]
    if rows:
        used = [key for key in rows[0] if any(row[key] not in ("", "–") for row in rows)]
        lines += table([{key: row[key] for key in used} for row in rows])
    if curves is not None:
        lines += [f"![Errors during training, validation as dots]({curves})", ""]
    return lines


def _duration(seconds: Any) -> str:
    if not isinstance(seconds, int | float):
        return "–"
    return f"{seconds:.0f} s" if seconds < 600 else f"{seconds / 60:.1f} min"


def _device(note: Mapping[str, Any]) -> str:
    count = note.get("devices", 1)
    return (f"{count} x " if isinstance(count, int) and count > 1 else "") + show(note.get("device"))


def _retrain(name: str, training: Mapping[str, Any]) -> list[str]:
    lines = ["## Train it again", ""]
    commands = training.get("retrain")
    if isinstance(commands, list) and commands:
        return [*lines, *_code("", [str(command) for command in commands])]
    stages = _stages(training)
    if "shape" not in stages:
        return [*lines, "How it was trained is not recorded.", ""]
    recipe, dataset = _mapping(training.get("recipe")), str(training.get("dataset", "DATA"))
    if recipe.get("generator") in _DATASET_COMMANDS:
        command, options = _DATASET_COMMANDS[str(recipe["generator"])]
        given = "".join(f" --{option} {recipe[option]}" for option in options if option in recipe)
        make = [f"{command} {dataset}{given}"]
    else:
        source = "made by the recipe above" if recipe else "that it was trained on"
        lines += [f"With the dataset `{dataset}` {source}:", ""]
        make = []
    seed = stages["shape"].get("seed", 0)
    chosen = f" --seed {seed}" if seed else ""
    what = [name.replace("_", "-") for name in stages]
    runs = ["all"] if "pose" in stages else what
    preset = {"name": name, **{stage: note["config"] for stage, note in stages.items()}}
    preset.setdefault("pose", {"schedule": {"steps": 1}})  # a preset has to have one
    commands = [
        *make,
        f"npm-studio prepare {dataset}",
        *(f"npm-studio train {run} --config {name}.yaml --data {dataset} --out {name}.npm{chosen}" for run in runs),
    ]
    written = yaml.safe_dump(preset, default_flow_style=None, sort_keys=False, width=110).splitlines()
    return [*lines, *_code("", commands), f"with this preset as `{name}.yaml`:", "", *_code("yaml", written)]


def _code(language: str, lines: Sequence[str]) -> list[str]:
    return [f"```{language}", *lines, "```", ""]
