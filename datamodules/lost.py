"""The end of a run whose data can be read no more."""


class DataLost(Exception):
    """Data are gone, or a worker that read them; the same command goes on when they are back.

    Attributes:
        code: of the process, which `sysexits.h` has for what may succeed later.
    """

    code = 75

    @property
    def reason(self) -> str:
        """What happened, without the traceback that torch puts in front of it when it comes from a worker."""
        return str(self).strip().rpartition(f"{type(self).__name__}: ")[2]
