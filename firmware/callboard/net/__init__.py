"""TCP, TLS, HTTP and WebSocket clients for a board, in asyncio."""
