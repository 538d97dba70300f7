"""`npm-studio train`: the stages of a model, one by one or all in order."""

import argparse
from pathlib import Path
from typing import Any

from npm_studio.cli.console import ConsoleProgress, add_device, add_json, add_seed
from npm_studio.resources import model_path, preset_path, presets

STAGES = ("shape", "pose", "shape-encoder", "pose-encoder", "coordinates", "all")


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("stage", choices=STAGES, help="each builds on those before it; all: in order")
    parser.add_argument(
        "--config",
        required=True,
        metavar="PRESET",
        help=f"how to train: a file, or a built-in preset by name: {', '.join(presets())}",
    )
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="a registered, prepared dataset")
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="MODEL",
        help="model folder NAME.npm to write; for the coordinates also a file NAME.safetensors that models may share",
    )
    parser.add_argument(
        "--validation", type=Path, metavar="DIR", help="a dataset of held-out identities or frames, looked at meanwhile"
    )
    parser.add_argument(
        "--shape-model", type=Path, metavar="MODEL", help="shape part for the pose stage (default: that of --out)"
    )
    parser.add_argument(
        "--resume",
        nargs="?",
        const="last",
        type=_state,
        metavar="STATE",
        help="go on from the last state that was kept, the best one, or that of a number of steps",
    )
    parser.add_argument(
        "--restart",
        action="store_true",
        help="begin anew where an earlier training has left states or a model, which are given up",
    )
    parser.add_argument(
        "--from",
        dest="warm",
        metavar="MODEL",
        help="begin on the networks of a model and its codes of known identities and frames, to add more of them",
    )
    add_device(parser)
    add_seed(parser)
    add_json(parser)
    parser.epilog = (
        "Fields of the preset are set by dotted options, such as --shape.schedule.steps 500. States, logs and pictures "
        "are written to NAME.training. Under torchrun each process takes its share of every batch."
    )
    parser.set_defaults(takes_overrides=True)


def run(options: argparse.Namespace) -> dict[str, Any]:
    from engine.core.devices import resolve_device
    from engine.core.errors import InputError
    from engine.models.checkpoint import load_model
    from engine.training.config import load_training_config
    from engine.training.coordinate_run import train_coordinates
    from engine.training.run import train_all, train_stage
    from engine.training.start import Start
    from external.datasets import open_dataset

    config = load_training_config(preset_path(options.config), parse_overrides(options.overrides))
    if options.stage == "all" and options.resume not in (None, "last"):
        raise InputError(f"--resume {options.resume}", "does not say of which stage", "name the stage instead of all")
    if options.shape_model is not None and options.stage != "pose":
        raise InputError("--shape-model", "is for the pose stage", f"leave it out of the stage {options.stage}")
    if options.restart and options.resume is not None:
        raise InputError("--restart", "begins anew, --resume goes on", "give one of them")
    device = resolve_device(options.device)
    warm = None if options.warm is None else load_model(model_path(options.warm), device)
    start = Start(options.resume, options.restart, warm)
    dataset = open_dataset(options.data)
    validation = None if options.validation is None else open_dataset(options.validation)
    with ConsoleProgress() as progress:
        if options.stage == "all":
            results = train_all(dataset, config, options.out, device, options.seed, start, validation, progress)
        elif options.stage == "coordinates":
            results = {
                "coordinates": train_coordinates(
                    dataset, config, options.out, device, options.seed, start, validation, progress
                )
            }
        else:
            _, result = train_stage(
                options.stage,
                dataset,
                config,
                options.out,
                device,
                options.seed,
                start,
                validation,
                options.shape_model,
                progress,
            )
            results = {options.stage: result}
        for name, result in results.items():
            ending = "interrupted, go on with --resume" if result.interrupted else "done"
            progress.message(f"{options.out}: {name} stage {ending} after {result.steps} steps, {result.seconds:.0f} s")
    summaries = {
        name: {
            "steps": result.steps,
            "seconds": round(result.seconds, 2),
            "interrupted": result.interrupted,
            **result.metrics,
            **{f"validation_{key}": value for key, value in result.validation.items()},
        }
        for name, result in results.items()
    }
    return summaries if options.stage == "all" else summaries[options.stage]


def _state(text: str) -> str:
    if text in ("last", "best") or (text.isdecimal() and int(text) > 0):
        return text
    raise argparse.ArgumentTypeError(f"{text} is neither last, best nor a number of steps")


def parse_overrides(words: list[str]) -> dict[str, str]:
    """``["--a.b", "1", "--c=2"]`` as ``{"a.b": "1", "c": "2"}``.

    Raises:
        InputError: something is not a ``--field value`` pair.
    """
    from engine.core.errors import InputError

    overrides: dict[str, str] = {}
    remaining = list(words)
    while remaining:
        word = remaining.pop(0)
        if not word.startswith("--"):
            raise InputError(word, "is not a field of the preset", "write --shape.schedule.steps 500")
        name, equals, value = word[2:].partition("=")
        if not equals:
            if not remaining:
                raise InputError(word, "needs a value", f"write {word} VALUE")
            value = remaining.pop(0)
        overrides[name] = value
    return overrides
