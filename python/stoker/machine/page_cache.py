"""Which bytes of files are in memory, and putting them out of it, so that cold reading can be measured."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence


def put_out(paths: Sequence[str]) -> bool:
    """Puts files out of the page cache; False where some of them stay, or the file system does not tell.

    Pages that are mapped, or not yet written, stay.

    Raises:
        OSError: A file cannot be opened.
    """
    for path in paths:
        file = os.open(path, os.O_RDONLY)
        try:
            os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(file)
    probes = [is_cached(path) for path in paths[:: max(1, len(paths) // 16)]]
    return bool(probes) and all(probe is False for probe in probes)


def is_cached(path: str) -> bool | None:
    """Whether the first page is in memory; None where the file system does not tell."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.preadv(file, [bytearray(1)], 0, os.RWF_NOWAIT)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
            return None
        raise
    finally:
        os.close(file)
    return True
