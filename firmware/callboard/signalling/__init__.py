"""Signalling: JSON-RPC 2.0 over one WebSocket (PROTOCOL.md)."""
