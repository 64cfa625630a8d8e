"""MicroPython's module rp2 without its assembler for PIO programs, which takes 3 KB."""

from _rp2 import *  # noqa: F403
