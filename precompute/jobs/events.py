"""What a job reports: what was stored, and what failed under which code."""

from __future__ import annotations

import errno
from dataclasses import dataclass

from cache.records import BadRecord, StoreError
from precompute.failures import FULL, KINDS, READ_ONLY, SourceError
from precompute.text import one_line

EXHAUSTED = (errno.ENOMEM, errno.EAGAIN, errno.EMFILE, errno.ENFILE)
"""Error numbers of a machine that gives no more memory, processes or open files."""


@dataclass(frozen=True)
class Stored:
    """A source that is done."""

    title: str
    clip: str
    """Key of the clip."""
    n_tracks: int
    """In the store, of those asked for."""
    n_frames_computed: int
    """By this run; 0 where all was stored already."""


def name_error(source: str, error: Exception) -> SourceError:
    """Whatever stopped a source, under a code of the table."""
    if isinstance(error, SourceError):
        return error
    words = one_line(str(error))
    code = _code(error)
    if code == "internal":
        words = f"{type(error).__name__}: {words}"
    elif code in ("out_of_memory", "out_of_gpu_memory"):
        reason = error.strerror if isinstance(error, OSError) else None
        return SourceError(code, f"{source}: {reason or _lower(KINDS[code].cause)}")
    elif isinstance(error, OSError):
        words = f"{error.filename or 'the store'}: {error.strerror or words}"
    if code in ("bad_store", "bad_weights") and "; " in words:  # ours end with a next step
        words, _, next_step = words.rpartition("; ")
        return SourceError(code, f"{source}: {words}", next_step)
    return SourceError(code, f"{source}: {words}")


def _lower(sentence: str) -> str:
    """A sentence as a part of one."""
    return sentence[0].lower() + sentence[1:].rstrip(".")


def _code(error: Exception) -> str:
    import torch

    from consistency.zoo.records import ZooError

    if isinstance(error, torch.OutOfMemoryError):
        return "out_of_gpu_memory"
    if isinstance(error, MemoryError) or "can't allocate memory" in str(error):  # torch's words on a CPU
        return "out_of_memory"
    if isinstance(error, ZooError):
        return "bad_weights"
    if isinstance(error, OSError) and error.errno in EXHAUSTED:
        return "out_of_memory"
    if isinstance(error, OSError):
        return "disk_full" if error.errno in FULL else "store_readonly" if error.errno in READ_ONLY else "bad_store"
    return "bad_store" if isinstance(error, (StoreError, BadRecord)) else "internal"
