"""What asyncio lacks on a small device, and nothing more (DESIGN §2)."""
