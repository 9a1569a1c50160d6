"""The compiled readers of the path of a frame; everything else stands in ``setup.cfg``.

Both are optional: without a compiler the installation goes on, and the same work is done by
the plain Python beside each of them, more slowly.
"""

from __future__ import annotations

from Cython.Build import cythonize
from setuptools import setup

readers = cythonize(
    ["gateway/platforms/goofish/_usual.pyx", "gateway/transport/_usual.pyx"],
    build_dir="build",
    force=True,
)
for reader in readers:
    reader.optional = True

setup(ext_modules=readers)
