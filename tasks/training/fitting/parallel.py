"""Data parallel training: every device has the whole network and computes a part of each batch."""

from __future__ import annotations

import keras
import numpy as np
from numpy.typing import NDArray

from tasks.training.batches.loader import FaceBatches

Batch = tuple[NDArray[np.uint8], NDArray[np.float32]]


def use_all_devices() -> None:
    """Spread what is built from now on over all accelerators of this machine, where there are several.

    Keras does so on its JAX backend alone; on the others one device is used.
    """
    if keras.backend.backend() == "jax":
        devices = keras.distribution.list_devices()
        if len(devices) > 1:
            keras.distribution.set_distribution(keras.distribution.DataParallel(devices=devices))


def use_one_device() -> None:
    """Compute what is built from now on in one place again."""
    if devices_in_use() > 1:
        keras.distribution.set_distribution(None)


def devices_in_use() -> int:
    """Return over how many devices a batch is spread."""
    distribution = keras.distribution.distribution()
    return 1 if distribution is None else int(distribution.device_mesh.devices.size)


def spread(batches: FaceBatches) -> keras.utils.PyDataset:
    """Return `batches` as the devices in use can share them."""
    devices = devices_in_use()
    return batches if devices == 1 else _Divisible(batches, devices)


class _Divisible(keras.utils.PyDataset):  # type: ignore[misc]  # Keras has no types
    """Batches filled up to a multiple of the devices with their own first faces, as PyTorch's DistributedSampler does.

    JAX splits no other ones. At most `devices - 1` faces of a batch count twice.
    """

    def __init__(self, batches: FaceBatches, devices: int) -> None:
        super().__init__(workers=batches.workers, max_queue_size=batches.max_queue_size)
        self._batches = batches
        self._devices = devices

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""
        return len(self._batches)

    def __getitem__(self, index: int) -> Batch:
        """Return batch `index`; safe to call from several threads."""
        pixels, labels = self._batches[index]
        chosen = np.arange(-(-len(labels) // self._devices) * self._devices) % len(labels)
        return pixels[chosen], labels[chosen]
