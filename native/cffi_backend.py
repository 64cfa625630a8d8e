"""Build backend (PEP 517): setuptools plus an extension module per native/*/cffi_build.py.

pyproject.toml cannot express cffi's `cffi_modules` keyword, which takes the place of a setup.py
here. A new native module needs no entry anywhere: its folder with a `cffi_build.py` that has a
function `ffibuilder()` is enough. Generated C goes to build/, never next to the sources.
"""

import os
from glob import glob

from setuptools import build_meta, setup


class _CffiBackend(build_meta._BuildMetaBackend):
    """setuptools' own backend; only the call that a setup.py would make is ours."""

    def run_setup(self, setup_script: str = "setup.py") -> None:
        os.makedirs("build", exist_ok=True)
        builders = sorted(glob("native/*/cffi_build.py"))
        setup(
            cffi_modules=[f"{path}:ffibuilder" for path in builders],
            options={
                "egg_info": {"egg_base": "build"},
                # setuptools does not know which headers a source includes.
                "build_ext": {"force": True},
                # cffi compiles against the stable ABI: one wheel serves every Python from 3.11.
                "bdist_wheel": {"py_limited_api": "cp311"} if builders else {},
            },
        )


_backend = _CffiBackend()
get_requires_for_build_wheel = _backend.get_requires_for_build_wheel
get_requires_for_build_sdist = _backend.get_requires_for_build_sdist
get_requires_for_build_editable = _backend.get_requires_for_build_editable
prepare_metadata_for_build_wheel = _backend.prepare_metadata_for_build_wheel
prepare_metadata_for_build_editable = _backend.prepare_metadata_for_build_editable
build_wheel = _backend.build_wheel
build_sdist = _backend.build_sdist
build_editable = _backend.build_editable
