"""`npm-studio benchmark`: methods on the cases of a suite, one table."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from npm_studio.cli.console import ConsoleProgress, add_device, add_json, add_seed, interrupted
from npm_studio.cli.workers import add_workers, check_folder, stated_workers
from npm_studio.resources import model_path

if TYPE_CHECKING:
    from collections.abc import Sequence

    from npm_studio.suites.running import Benchmark, Cell
    from npm_studio.suites.table import Table

_EPILOG = """Every method gets the same masks of the subject, placement and time stamps of every case. OUT gets runs,
table.csv and table.json; the same command again goes on where the last one ended. A method may be stated with fields
of its configuration, such as npm:precision=float32 or npm-reference:iterations=100; {case} and {setting} in a value
stand for these names, as in imported:meshes=/results/{case}/{setting}. Cases are made in the folder of --cases, or
taken from there: they can be made on another machine."""


def configure(parser: argparse.ArgumentParser) -> None:
    from npm_studio.resources import suites

    parser.epilog = _EPILOG
    known = ", ".join(suites())
    parser.add_argument("suite", nargs="?", metavar="SUITE", help=f"{known}, or a YAML file like theirs")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder to write; with --page the Markdown file")
    parser.add_argument("--methods", nargs="+", metavar="NAME[:field=value,...]", help="default: what the suite names")
    parser.add_argument("--model", type=model_path, metavar="M", help="model, by folder or name (default: the suite's)")
    parser.add_argument("--cases", type=Path, metavar="DIR", help="folder of cases (default: OUT/cases)")
    parser.add_argument("--prepare-only", action="store_true", help="make the cases, and measure nothing")
    parser.add_argument("--only", nargs="+", default=[], metavar="CASE", help="these cases or recordings alone")
    parser.add_argument("--subset", action="store_true", help="without whole recordings, which few methods get")
    parser.add_argument("--frames", type=_count, metavar="N", help="the first N frames of each case")
    parser.add_argument("--data", type=Path, metavar="DIR", help="dataset, for suites that need one of yours")
    add_workers(parser)
    what = "only write the tables in these folders into the file --out"
    parser.add_argument("--page", type=Path, nargs="+", metavar="DIR", help=what)
    add_device(parser)
    add_seed(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> dict[str, Any]:
    from engine.core.errors import InputError

    if options.page is not None:
        return _write_page(options)
    if options.suite is None:
        raise InputError("SUITE", "is not stated", "see `npm-studio benchmark --help`")
    if options.out is None and not (options.prepare_only and options.cases):
        raise InputError("--out", "is not stated", "name a folder")
    workers = stated_workers(options)
    if options.out is not None:
        check_folder(options.out)

    from npm_studio.suites.contender import contenders_of, installed
    from npm_studio.suites.making import Sources, make_cases
    from npm_studio.suites.running import without_gpu
    from npm_studio.suites.suite import case_plans, load_suite

    name, suite = load_suite(options.suite)
    texts, missing = (options.methods, ()) if options.methods else installed(suite.methods)
    contenders = () if options.prepare_only else contenders_of(texts)
    on_all = options.prepare_only or any(each.text in suite.on_all_cases for each in contenders)
    plans = case_plans(suite, options.only, options.subset or not on_all)
    folder = options.cases or options.out / "cases"
    with ConsoleProgress() as progress:
        cases = make_cases(suite, plans, folder, Sources("cpu", options.data, without_gpu(workers)), progress)
        progress.message(f"{folder}: {len(cases)} cases of {name}")
        for text in missing:
            progress.message(f"{text} is left out: it is not installed")
        if options.prepare_only:
            return {"cases": [str(case.folder) for case in cases.values()]}

        from npm_studio.suites.running import Benchmark, run_suite

        model = options.model or model_path(suite.model)
        benchmark = Benchmark(
            suite, name, plans, contenders, model, options.out, options.frames, options.seed, options.device
        )
        cells = run_suite(benchmark, cases, workers, progress)
    return _write_table(benchmark, cells, options)


def _write_table(benchmark: Benchmark, cells: Sequence[Cell], options: argparse.Namespace) -> dict[str, Any]:
    from engine.core.errors import InputError
    from npm_studio.suites.provenance import provenance_of
    from npm_studio.suites.summary import failures_of, sentences_of
    from npm_studio.suites.table import CSV, JSON, Table, rows_of, write_table

    suite, out = benchmark.suite, benchmark.out
    made = provenance_of(benchmark, cells)
    table = Table(benchmark.name, suite.title, suite.about, made, suite.upper_bounds, rows_of(cells))
    write_table(table, out)
    failures = failures_of(table)
    results = {
        "out": str(out),
        "table": str(out / CSV),
        "json": str(out / JSON),
        "cells": len(cells),
        "failed": [[row.contender, row.case, row.setting, row.reason] for row in failures],
        "sentences": list(sentences_of(table)),
    }
    if not options.json:
        _print(table)
    if failures and not interrupted():
        if options.json:
            print(json.dumps(results))
        first = failures[0]
        what = f"{len(failures)} of {len(cells)} cells have no figures, the first is {first.contender} on {first.case}"
        raise InputError(out / CSV, f"{what}: {first.reason}", "the same command tries these again")
    return results


def _print(table: Table) -> None:
    from npm_studio.suites.running import NOT_MEASURED
    from npm_studio.suites.summary import blocks_of, failures_of, header, sentences_of

    for block in blocks_of(table):
        what = f"{table.suite}, {block.part}, {block.setting}"
        print(f"{what}: {block.cases} cases, {block.frames} frames; * is the best")
        lines = [("", "cases", *header())]
        for line in block.lines:
            marked = zip(line.cells, (*line.is_best, False), strict=True)
            lines.append((line.contender, line.cases, *(f"{text}{'*' if best else ' '}" for text, best in marked)))
        widths = [max(len(texts[column]) for texts in lines) for column in range(len(lines[0]))]
        for first, *others in lines:
            right = (text.rjust(width) for text, width in zip(others, widths[1:], strict=True))
            print("  ".join((first.ljust(widths[0]), *right)).rstrip())
        print()
    for sentence in sentences_of(table):
        print(sentence)
    failures = failures_of(table)
    open_cells = [row for row in failures if row.reason == NOT_MEASURED]
    for row in failures:
        if row.reason != NOT_MEASURED:
            print(f"no figures: {row.contender}, {row.case}, {row.setting}: {row.reason}")
    if open_cells:
        print(f"{len(open_cells)} cells are not measured yet: the same command goes on")


def _write_page(options: argparse.Namespace) -> dict[str, Any]:
    from engine.core.errors import InputError
    from npm_studio.suites.page import write_page

    if options.suite is not None or options.out is None:
        raise InputError("--page", "takes folders of tables and a file", "--page DIR [DIR ...] --out FILE.md")
    write_page(options.page, options.out)
    print(f"{options.out}: {len(options.page)} tables")
    return {"page": str(options.out), "tables": [str(folder) for folder in options.page]}


def _count(text: str) -> int:
    if not (text.isdecimal() and 0 < int(text) < 1_000_000):
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 1")
    return int(text)
