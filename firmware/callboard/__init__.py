"""callboard: lets a small board call a phone. MicroPython >= 1.25 and CPython >= 3.11."""

__version__ = "0.1.0"
