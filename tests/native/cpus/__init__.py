"""MicroPython on emulated CPUs."""
