"""The parser of the command line."""

import argparse
import importlib
from collections.abc import Sequence
from typing import Any, NoReturn


class Parser(argparse.ArgumentParser):
    """Says in one line what is wrong, as every other refusal does; parsers of commands inherit it."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"npm-studio: {message}; see {self.prog} --help\n")


class DeferredParser(Parser):
    """Configured by a module that is imported when its arguments are parsed, not before."""

    def __init__(self, *arguments: Any, module: str, kind: str, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._module: str | None = module
        self._kind = kind

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        self.configure_now()
        return super().parse_known_args(args, namespace)

    def configure_now(self) -> None:
        """Add the arguments of the module, unless that has been done."""
        if self._module is not None:
            module = importlib.import_module(self._module)
            self._module = None
            getattr(module, f"configure_{self._kind}")(self)
            self.set_defaults(run_kind=getattr(module, f"run_{self._kind}"))
