"""`callboard relay` as a process: start, say where, wait for a signal, stop gracefully."""

import asyncio
import json
import logging
import os
import signal
from pathlib import Path

from .config import RelayConfig
from .files import FACTS_FILE
from .server import Relay


def run_relay(config: RelayConfig) -> None:
    """Run a relay until SIGINT or SIGTERM. Raises what Relay.start raises."""
    with asyncio.Runner(loop_factory=_event_loop) as runner:
        runner.run(_run(config))


async def _run(config: RelayConfig) -> None:
    finished = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, finished.set)
    relay = Relay(config)
    await relay.start()
    facts_path = config.data_dir / FACTS_FILE
    try:
        for path in filter(None, (facts_path, config.ready_file)):
            _write_facts(path, relay)
        print(f"relay: listening on {relay.url}", flush=True)
        if relay.certificates is not None:
            print(f"relay: certificate SHA-256 {relay.certificates.fingerprint}", flush=True)
        await finished.wait()
        logging.getLogger(__name__).info("stopping")
    finally:
        facts_path.unlink(missing_ok=True)
        await relay.stop()


def _write_facts(path: Path, relay: Relay) -> None:
    """Tell other programs where we are; the file appears complete or not at all."""
    facts = {
        "url": relay.url,
        "port": relay.port,
        "ca_path": str(relay.ca_path.resolve()) if relay.ca_path else None,
        "admin_token_path": str(relay.admin_token_path.resolve()),
        "fingerprint": relay.certificates.fingerprint if relay.certificates else None,
        "pid": os.getpid(),
    }
    temporary = path.with_name(path.name + ".new")
    temporary.write_text(json.dumps(facts) + "\n", encoding="utf-8")
    temporary.replace(path)


def _event_loop() -> asyncio.AbstractEventLoop:
    """uvloop where it exists: half the CPU time for each packet (PLATFORM §9)."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
