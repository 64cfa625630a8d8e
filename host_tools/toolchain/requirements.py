"""Print what pyproject.toml asks for, one requirement per line, for `pip install -r`.

    requirements.py [EXTRA ...]      dependencies of the package and of the named extras
    requirements.py --build          what building the package itself needs

So the virtual environment can be filled before the package's own C code exists or compiles, and
is filled anew only when pyproject.toml changes.
"""

import re
import sys
import tomllib
from pathlib import Path

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"


def with_extras(project: dict, extras: list[str]) -> list[str]:
    """The dependencies of `project` and its `extras`, extras of extras resolved."""
    optional = project["optional-dependencies"]
    own_extra = re.compile(rf"{project['name']}\[(.+)\]")
    found = list(project["dependencies"])
    waiting = list(extras)
    while waiting:
        for requirement in optional[waiting.pop()]:
            if nested := own_extra.fullmatch(requirement):
                waiting += nested.group(1).split(",")
            else:
                found.append(requirement)
    return sorted(set(found))


def main() -> None:
    """Command line."""
    pyproject = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))
    if sys.argv[1:] == ["--build"]:
        lines = pyproject["build-system"]["requires"]
    else:
        lines = with_extras(pyproject["project"], sys.argv[1:])
    print("\n".join(lines))


if __name__ == "__main__":
    main()
