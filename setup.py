"""The compiled readers of the path of a frame, and the pages that messages name.

Everything else stands in ``setup.cfg``. Both readers are optional: without a compiler the
installation goes on, and the same work is done by the plain Python beside each of them, more
slowly. A wheel without them is for every Python and every machine, and says so.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from Cython.Build import cythonize
from setuptools import setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

PAGES = (
    "docs/*.md",
    "docs/*.svg",
    "docs/*.json",
    "docs/adr/*.md",
    "config/*.y*ml",
    "deploy/**/*",
    "examples/embed.py",
    "*.md",
)
"""What an installed user is told to read; lies in the package as it does in the checkout."""


class BuildReaders(build_ext):
    """Says at the end whether anything of the distribution was made for one machine."""

    def run(self) -> None:
        """Compile, and forget the readers if none could be."""
        super().run()
        if not self.inplace and not any(map(Path.exists, map(Path, self.get_outputs()))):
            self.distribution.ext_modules = []
            wheel = self.distribution.get_command_obj("bdist_wheel", create=False)
            if wheel is not None:
                wheel.root_is_pure = True


class BuildPackages(build_py):
    """Takes the pages along; an editable installation reads those of the checkout."""

    def run(self) -> None:
        """Copy the packages, then the pages."""
        super().run()
        if not self.editable_mode:
            for page, copy in self._pages():
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(page, copy)

    def get_outputs(self, include_bytecode: int = 1) -> list[str]:
        """Return what is installed."""
        outputs: list[str] = super().get_outputs(include_bytecode)
        return outputs + [str(copy) for _, copy in self._pages() if not self.editable_mode]

    def _pages(self) -> list[tuple[Path, Path]]:
        there = Path(self.build_lib, "gateway", "_pages")
        found = [page for name in PAGES for page in sorted(Path().glob(name)) if page.is_file()]
        return [(page, there / page) for page in found]


readers = cythonize(
    ["gateway/platforms/goofish/_usual.pyx", "gateway/transport/_usual.pyx"],
    build_dir="build",
    force=True,
)
for reader in readers:
    reader.optional = True
    if sys.platform != "win32":
        reader.extra_compile_args = ["-g0"]  # debug data is five sixths of what is compiled

setup(
    ext_modules=readers,
    cmdclass={"build_ext": BuildReaders, "build_py": BuildPackages},
)
