"""Other ways to a board: ESP Web Tools' manifest.json, and mip's package.json."""

import json

import callboard

from .layout import Image

_MIP_PREFIX = "lib/"


def web_tools(image: Image, title: str = "callboard") -> tuple[str, dict[str, bytes]]:
    """(manifest.json, files it names) for ESP Web Tools: the parts, never the key store."""
    files = {}
    parts = []
    for at, part in sorted(image.parts.items()):
        name = f"{image.names.get(at, 'part')}-{at:#x}.bin"
        files[name] = part
        parts.append({"path": name, "offset": at})
    manifest = {
        "name": f"{title} on {image.board.name}",
        "version": callboard.__version__,
        "new_install_prompt_erase": True,
        "builds": [{"chipFamily": image.board.chip.web_family, "improv": True, "parts": parts}],
    }
    return json.dumps(manifest, indent=1) + "\n", files


def mip(files: dict[str, bytes]) -> tuple[str, dict[str, bytes]]:
    """(package.json, files it names) for `mpremote mip install`: the package and its modules."""
    named = {
        path.removeprefix(_MIP_PREFIX): content
        for path, content in files.items()
        if path.startswith(_MIP_PREFIX)
    }
    package = {
        "version": callboard.__version__,
        "deps": [],
        "urls": [[path, path] for path in sorted(named)],
    }
    return json.dumps(package, indent=1) + "\n", named
