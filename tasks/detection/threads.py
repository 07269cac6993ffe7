"""Threads that passes over pictures borrow, one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

# This process's threads that no pass has at the moment, by their number.
_idle_threads: dict[int, list[ThreadPoolExecutor]] = {}


@contextmanager
def lent_threads(count: int) -> Iterator[ThreadPoolExecutor]:
    """Lend threads that no other pass has. They outlive it: of each thread that ever computed, glibc keeps memory."""
    idle = _idle_threads.setdefault(count, [])
    try:
        pool = idle.pop()
    except IndexError:
        pool = ThreadPoolExecutor(count, "faces")
    try:
        yield pool
    finally:
        idle.append(pool)
