"""The serial line: one framing for console, tools and logs on one port (PROTOCOL.md §9)."""
