"""`python -m callboard_host` is the `callboard` command."""

from callboard_host.cli import main

main()
