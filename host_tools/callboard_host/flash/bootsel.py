"""Flash a board of the RP2 family: copy a UF2 file to its boot ROM's drive."""

from callboard_host.image.layout import Image

from .job import Job, NoBoard, Reporter, Result


def flash(job: Job, image: Image, report: Reporter) -> Result:
    raise NoBoard("not yet")
