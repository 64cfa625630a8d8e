"""Make cffi's declarations from a core's own header, so that they are written once."""

import re


def declarations(path):
    """The functions and the integer constants of the C header at path, as cffi wants them."""
    with open(path, encoding="utf-8") as file:
        text = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.DOTALL)
    constants = re.findall(r"^#define (\w+)[ \t]+\S", text, flags=re.MULTILINE)
    functions = re.sub(r"^#.*$", "", text, flags=re.MULTILINE)
    return "\n".join(f"#define {name} ..." for name in constants) + functions
