"""Names in a relay's data directory that other programs look for."""

ADMIN_TOKEN_FILE = "admin.token"
LOCK_FILE = "relay.lock"
FACTS_FILE = "relay.json"  # URL, CA and so on, while the relay runs
