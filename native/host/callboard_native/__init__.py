"""The native modules on CPython, by cffi: the same C as on the boards, the same calls.

Not for direct use: `callboard.native` chooses between these and the other implementations.
"""
