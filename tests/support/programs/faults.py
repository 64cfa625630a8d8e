"""Words that break a board on purpose, typed on its console."""

from callboard import port


def install(app_class):
    """`hang`: its loop stops. `bug`: from now on `status` raises."""
    known = app_class._command

    def command(self, line):
        if line == "hang":
            while True:
                pass
        if line == "bug":
            port.heap_used = None
            return True
        return known(self, line)

    app_class._command = command
