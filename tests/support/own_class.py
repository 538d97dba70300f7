"""A class of one's own as a newcomer makes it, in little: commands, and a preset that learns fish in seconds."""

from pathlib import Path

import pytest

from npm_studio.cli.main import main

PRESET = """
name: fish
validation: {rows: 1, fit_steps: 20, every: 100000}
shape:
  code_size: 8
  decoder: {width: 64, layers: 4, skip_layer: 2, full_width_skip: true, frequencies: 4}
  identities_per_batch: 8
  points_per_identity: 384
  schedule: {steps: 200, network_rate: 3.0e-3, codes_rate: 3.0e-3, warmup: 10}
pose:
  code_size: 8
  decoder: {width: 64, layers: 4, skip_layer: 2, full_width_skip: true, frequencies: 4}
  frames_per_batch: 16
  points_per_frame: 96
  schedule: {steps: 200, network_rate: 3.0e-3, codes_rate: 6.0e-3, warmup: 10}
"""
FEW = ("--near", "3000", "--uniform", "1500", "--surface", "500")
"""Samples of `prepare`."""
CENTIMETRES = ("--unit", "cm", "--up", "z")


def train(folder: Path, data: Path, out: Path, *more: object) -> list[str]:
    """The command line of a training with `PRESET`, which is written into ``folder``."""
    preset = folder / "fish.yaml"
    preset.write_text(PRESET)
    words = ["train", "all", "--config", preset, "--data", data, "--out", out, "--device", "cpu", *more]
    return [str(word) for word in words]


def told(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    """Exit code, output and messages of a command."""
    capsys.readouterr()
    code = main([str(word) for word in words])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def done(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[str, str]:
    """Output and messages of a command that has to succeed."""
    code, out, err = told(capsys, *words)
    assert code == 0, err
    return out, err
