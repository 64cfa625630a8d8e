"""build/keystore-proof.json: what the tests of the key store have tried, and what failed."""

import fcntl
import json

from keystore.sim import BUILD, TOP

PATH = TOP / "build" / "keystore-proof.json"


def note(**parts):
    """Add to the file, for tests run side by side; `failures` is the sum of all that end so."""
    with (BUILD / "proof.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        proof = json.loads(PATH.read_text(encoding="utf-8")) if PATH.exists() else {}
        proof.update(parts)
        proof["failures"] = sum(n for name, n in proof.items() if name.endswith("_failures"))
        PATH.write_text(json.dumps(proof, indent=1, sort_keys=True), encoding="utf-8")
