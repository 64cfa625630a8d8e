"""What the boards are made of: boards/*/board.json, checked and shown.

chips.py      facts about chips that no board can change
check.py      is a board.json right? Sentences that name the wrong field
load.py       a Board by its name
board_py.py   the constants that its firmware reads
table.py      the table in boards/README.md
commands.py   `callboard boards`
"""
