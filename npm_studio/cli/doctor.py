"""`npm-studio doctor`: what there is, what is missing, how to install it."""

import argparse
from collections.abc import Mapping
from typing import Any

from npm_studio.cli.console import add_json


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = "Versions, devices, graphics, and what is missing with the way to install it. Exits with 0."
    add_json(parser)


def run(options: argparse.Namespace) -> dict[str, Any]:
    from npm_studio.log_file import log_path
    from npm_studio.reports import machine

    versions, devices = machine.versions(), machine.devices()
    opengl, display = machine.opengl(), machine.display()
    problems = machine.problems(versions, opengl)
    if not options.json:
        _print("Versions", {name: number or "not installed" for name, number in versions.items()})
        _print("Devices", devices)
        no_display = "none: `npm-studio gui` cannot open here, all other commands work"
        _print("Graphics", {"pictures": opengl or "OpenGL does not work", "window": display or no_display})
        _print("Log", {"file": str(log_path())})
        _print("Missing", problems or {"nothing": "all is well"})
    return {
        "versions": versions,
        "devices": devices,
        "opengl": opengl,
        "display": display,
        "log": str(log_path()),
        "missing": problems,
    }


def _print(title: str, lines: Mapping[str, str]) -> None:
    print(title)
    width = max(len(name) for name in lines)
    for name, text in lines.items():
        print(f"  {name:{width}s}  {text}")
