"""Thin faces over the room engine: each module registers its requests and checks their members."""
