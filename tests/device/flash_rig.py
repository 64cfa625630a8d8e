"""Flash whose power fails, and what the tests of whatever is kept in flash share."""

from callboard import keystore
from callboard.flash import SECTOR
from callboard.flash.devices import RamFlash


class PowerCut(Exception):
    """Raised by a device in place of an operation, as if the power had failed then."""


class CutFlash(RamFlash):
    """Flash whose power fails in operation number `cut` (0: the next), half done; None: never."""

    def __init__(self, data=None, unit=1, cut=None):
        super().__init__(data, unit)
        self.cut = cut
        self.operations = 0
        self.erases = 0

    def _fails(self):
        self.operations += 1
        if self.cut is None:
            return False
        self.cut -= 1
        if self.cut == -1:
            return True
        if self.cut < -1:
            raise PowerCut
        return False

    def read(self, at, buf):
        if self.cut is not None and self.cut < 0:
            raise PowerCut
        super().read(at, buf)

    def program(self, at, buf):
        unit = self.geometry()
        assert at % unit == 0 and len(buf) % unit == 0 and len(buf) > 0
        if self._fails():
            whole = len(buf) // unit // 2 * unit
            if whole:
                super().program(at, bytes(memoryview(buf)[:whole]))
            raise PowerCut
        super().program(at, buf)

    def erase(self, at):
        self.erases += 1
        if self._fails():
            for i in range(at, at + SECTOR, 3):
                self.data[i] = 0xFF
            raise PowerCut
        super().erase(at)


def opened(flash, **options):
    """The key store on memory that stands for flash."""
    return keystore.open(flash, identity=False, **options)


def contents(store):
    names = store.keys()
    return {name: store.get(name) for name in names}


def again(flash):
    """The same bytes with the power on again."""
    return CutFlash(flash.data, flash.geometry())
