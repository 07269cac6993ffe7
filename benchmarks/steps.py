"""Where a pass spends its time: the functions of the one pass, wrapped in watches for one run in one thread."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from tasks.detection import cascade, onepass
from tasks.detection.networks import Networks

STEPS: dict[str, list[tuple[Any, str]]] = {
    "decode": [(onepass, "decode"), (onepass, "decode_pixels")],
    "pyramid": [(cascade, "build_mips"), (cascade, "build_levels")],
    "P-Net": [(Networks, "propose")],
    "proposals": [(cascade, "_windows_above")],
    "NMS": [(cascade, "suppress")],
    "patches": [(cascade, "cut")],
    "R-Net": [(Networks, "refine")],
    "O-Net": [(Networks, "finish")],
    "crop": [(onepass, "crop_face")],
    "hash and facts": [(onepass, name) for name in ("phash", "sharpness", "corner_variance", "poses", "_image_id")],
}


class Watch:
    """Processor seconds per step; a step inside another counts for itself only."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = dict.fromkeys(STEPS, 0.0)
        self._inner: list[float] = []

    def timed(self, step: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return `function`, its time counted as `step`."""

        def wrapper(*arguments: Any, **options: Any) -> Any:
            self._inner.append(0.0)
            started = time.process_time()
            try:
                return function(*arguments, **options)
            finally:
                spent = time.process_time() - started
                self.seconds[step] += spent - self._inner.pop()
                if self._inner:
                    self._inner[-1] += spent

        return wrapper


@contextmanager
def watching() -> Iterator[Watch]:
    """Yield a watch that counts the steps while the context lasts."""
    watch = Watch()
    with ExitStack() as stack:
        for step, functions in STEPS.items():
            for owner, name in functions:
                stack.enter_context(patch.object(owner, name, watch.timed(step, getattr(owner, name))))
        yield watch
