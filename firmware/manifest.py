# What a custom firmware freezes (MicroPython: make FROZEN_MANIFEST=.../firmware/manifest.py).
package("callboard", base_path=".")
module("main.py", base_path=".")
