"""Files that others write: by what a change of one is seen, and its content.

Knows that there may be anything in a file's place. All of it blocks. Logs nothing; raises OSError
and, with a text that completes a sentence about the file, ValueError.
"""

import os
import stat
from pathlib import Path

Stamp = tuple[int, ...]


def stamp_of(path: str | Path) -> Stamp:
    """Return by what a change is seen, nothing if there is no file. Raises nothing."""
    try:
        found = Path(path).stat()
    except FileNotFoundError:
        # A link to what is not there, or not yet, is no file that was never made.
        return (0,) if Path(path).is_symlink() else ()
    except OSError as error:
        return (error.errno or 0,)
    # ctime too: a chmod may make it readable.
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino


def content_of(path: str | Path, max_bytes: int) -> bytes:
    """Return the content of a regular file that is not larger than this."""
    # Without O_NONBLOCK a FIFO would keep us until somebody writes to it.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError("is no regular file")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            content = file.read(max_bytes + 1)
    finally:
        os.close(descriptor)
    if len(content) > max_bytes:
        raise ValueError(f"is larger than {max_bytes} bytes")
    return content
