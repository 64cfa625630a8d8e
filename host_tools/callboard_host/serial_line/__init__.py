"""The host's end of a board's serial line (PROTOCOL.md §9).

port.py        opens what pyserial can: devices, socket://, rfc2217://, loop://
link.py        tells text from frames; requests with an answer
plan.py        what a board is to be told; secrets_input.py where its secrets come from
provision.py   one board; batch.py a file of them
log.py         what a board says; records.py its lines; screen.py them on a terminal
kept.py        what it kept in flash of its last boot; traces.py the source of a traceback
doctor.py      what is wrong with a board
shell.py       its Python prompt
bridge.py      its network: streams and media; bridge_line.py the line's end of that
commands.py    the verbs of the `callboard` command
"""
