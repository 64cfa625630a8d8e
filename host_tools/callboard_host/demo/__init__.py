"""`make call` and `make bench-call`: a whole call on this machine, measured and reported."""
