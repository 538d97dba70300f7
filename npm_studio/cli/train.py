"""`npm-studio train`: the shape and the pose stage."""

import argparse
from pathlib import Path
from typing import Any

from npm_studio.cli.console import ConsoleProgress, add_device, add_json, add_seed


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("stage", choices=("shape", "pose"), help="train the shape stage first, then the pose stage")
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="a preset, see configs/")
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="a registered, prepared dataset")
    parser.add_argument("--out", type=Path, required=True, metavar="MODEL", help="model folder NAME.npm to write")
    parser.add_argument("--resume", action="store_true", help="go on where an interrupted run of this stage stopped")
    add_device(parser)
    add_seed(parser)
    add_json(parser)
    parser.epilog = "Fields of the preset are set by dotted options, such as --shape.schedule.steps 500."
    parser.set_defaults(takes_overrides=True)


def run(options: argparse.Namespace) -> dict[str, Any]:
    from engine.device import resolve_device
    from engine.training.config import load_training_config
    from engine.training.stages import train_pose, train_shape
    from external.datasets import open_dataset

    config = load_training_config(options.config, parse_overrides(options.overrides))
    device = resolve_device(options.device)
    dataset = open_dataset(options.data)
    train = train_shape if options.stage == "shape" else train_pose
    with ConsoleProgress() as progress:
        _, result = train(dataset, config, options.out, device, options.seed, options.resume, progress)
        ending = "interrupted, go on with --resume" if result.interrupted else "done"
        progress.message(
            f"{options.out}: {options.stage} stage {ending} after {result.steps} steps, {result.seconds:.0f} s"
        )
    return {
        "steps": result.steps,
        "seconds": round(result.seconds, 2),
        "interrupted": result.interrupted,
        **result.figures,
    }


def parse_overrides(words: list[str]) -> dict[str, str]:
    """``["--a.b", "1", "--c=2"]`` as ``{"a.b": "1", "c": "2"}``.

    Raises:
        InputError: something is not a ``--field value`` pair.
    """
    from engine.errors import InputError

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
