"""The host's end of a board's serial line: port, link, provisioning, log (PROTOCOL.md §9).

port.py       opens what pyserial can: devices, socket://, rfc2217://, loop://
link.py       tells text from frames; requests with an answer
plan.py       what a board is to be told, and where its secrets come from
provision.py  one board, or a file of them
log.py        what a board says: parsed, filtered, kept
commands.py   the verbs of the `callboard` command
"""
