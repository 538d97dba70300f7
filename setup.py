"""Build of the Cython kernels in ``csrc`` and of package data; everything else is in pyproject.toml."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py
from setuptools.errors import BaseError, CCompilerError

DATA = ("assets", "configs")
"""Folders beside the packages that an installation has inside ``npm_studio``, see ``npm_studio/resources.py``."""
KERNELS = ("depth", "distance_grid", "inside", "voxels")
COMPILER_FAILURES = (BaseError, CCompilerError, OSError, subprocess.SubprocessError)
OPENMP_PROBE = "#include <omp.h>\nint main(void) { return omp_get_max_threads() < 1; }\n"


class BuildKernels(build_ext):
    """Adds the compiler's options, OpenMP only where it compiles and links, and explains a failure in one line."""

    def build_extensions(self) -> None:
        if self.compiler.compiler_type == "msvc":
            compile_args, openmp = ["/O2"], ["/openmp"]
        else:
            # Without contraction to fused multiply-add the kernels round as their NumPy twins do, on every processor.
            compile_args, openmp = ["-O3", "-ffp-contract=off"], ["-fopenmp"]
        if not self._compiles(OPENMP_PROBE, openmp):
            openmp = []
        for extension in self.extensions:
            extension.extra_compile_args = compile_args + openmp
            extension.extra_link_args = openmp if self.compiler.compiler_type != "msvc" else []
        try:
            super().build_extensions()
        except COMPILER_FAILURES as error:
            sys.exit(
                f"error: the kernels in csrc/ could not be compiled ({error}). A C compiler and Python's headers are "
                "needed: on Debian or Ubuntu `apt-get install build-essential python3-dev`, on macOS "
                "`xcode-select --install`, on Windows the Visual Studio Build Tools."
            )

    def _compiles(self, source: str, options: list[str]) -> bool:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "probe.c"
            path.write_text(source)
            here = os.getcwd()
            try:
                os.chdir(folder)  # compilers leave their by-products in the working directory
                objects = self.compiler.compile(["probe.c"], output_dir=folder, extra_postargs=options)
                self.compiler.link_executable(objects, str(Path(folder) / "probe"), extra_postargs=options)
            except COMPILER_FAILURES:
                return False
            finally:
                os.chdir(here)
        return True


class BuildPackages(build_py):
    """Puts models, depth sequence and presets into ``npm_studio``; an editable installation has them beside it."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        for name in DATA:
            target = Path(self.build_lib) / "npm_studio" / name
            shutil.rmtree(target, ignore_errors=True)  # of an earlier build: what is gone here must be gone there
            shutil.copytree(name, target)


setup(
    ext_modules=cythonize([Extension(f"csrc.{name}", [f"csrc/{name}.pyx"]) for name in KERNELS], quiet=True),
    cmdclass={"build_ext": BuildKernels, "build_py": BuildPackages},
)
