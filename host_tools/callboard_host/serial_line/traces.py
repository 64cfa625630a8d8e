"""Tracebacks of a board, joined with the lines of source that they name.

A .mpy or frozen file holds names and line numbers, not the source; the host has that. A line is
shown only if it stands in the function that the traceback names, so that another version of the
firmware is not taken for ours.
"""

import ast
import functools
import re
from pathlib import Path

import callboard

_FRAME = re.compile(r'\s*File "(?:.*[/\\])?callboard[/\\]([\w/\\]+)\.m?py", line (\d+), in (\S+)')
_PACKAGE = Path(callboard.__file__).parent


def source_of(text: str, firmware: str | None) -> str:
    """The source that a line of a traceback names; "" when it names none, or it is not known.

    `firmware`: the version on the board, None when that is not known.
    """
    found = _FRAME.fullmatch(text)
    if found is None or firmware not in (None, callboard.__version__):
        return ""
    lines, functions = _file(found[1].replace("\\", "/"))
    number, name = int(found[2]), found[3]
    if not 1 <= number <= len(lines) or not any(
        first <= number <= last and name in (function, "<lambda>", "<listcomp>", "<genexpr>")
        for first, last, function in functions
    ):
        return ""
    return lines[number - 1].strip()


@functools.cache
def _file(name: str) -> tuple[list[str], list[tuple[int, int, str]]]:
    """(lines, [(first, last, name) of each function]) of a file of the package."""
    path = _PACKAGE / f"{name}.py"
    if ".." in path.parts or not path.is_file():
        return [], []
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    functions = [(1, len(lines), "<module>")]
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            functions.append((node.lineno, node.end_lineno or node.lineno, node.name))
    return lines, functions
