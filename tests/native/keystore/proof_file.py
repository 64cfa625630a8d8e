"""build/keystore-proof.json: what the tests of the key store have tried, and what failed."""

import json

from keystore.sim import TOP

PATH = TOP / "build" / "keystore-proof.json"


def note(**parts):
    """Add to the file; `failures` is the sum of all that end so."""
    proof = json.loads(PATH.read_text(encoding="utf-8")) if PATH.exists() else {}
    proof.update(parts)
    proof["failures"] = sum(n for name, n in proof.items() if name.endswith("_failures"))
    PATH.write_text(json.dumps(proof, indent=1, sort_keys=True), encoding="utf-8")
