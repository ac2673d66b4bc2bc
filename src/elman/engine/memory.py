"""Memory of large tensors, used again: a fresh buffer costs a page fault every 4 KB, up to a third of a training step."""

from __future__ import annotations

import math
import threading
from typing import Any

import numpy as np
import torch
from torch import Tensor

LARGE = 1 << 18  # bytes from which memory is worth keeping: malloc gives less than that without page faults


class Pool:
    """Keeps at most `most` bytes, the last that were given back."""

    def __init__(self, most: int = 1 << 30) -> None:
        self.most, self.size, self.kept, self.lock = most, 0, list[Any](), threading.Lock()
        self.returned: list[Any] = []

    def take(self, size: int) -> Lease:
        size = -(-max(size, 1) // 65536) * 65536
        with self.lock:
            self._sort()
            for place in range(len(self.kept) - 1, -1, -1):
                if size <= self.kept[place].nbytes <= 2 * size:  # no large one is held by a small need
                    whole = self.kept.pop(place)
                    self.size -= whole.nbytes
                    return Lease(self, whole)
        memory = np.empty(size + 64, np.uint8)
        start = -memory.ctypes.data % 64
        return Lease(self, memory[start : start + size])

    def give(self, whole: Any) -> None:
        """Called whenever Python frees a lease, even in the midst of `take`: so it never waits for the lock."""
        self.returned.append(whole)
        if self.lock.acquire(blocking=False):
            try:
                self._sort()
            finally:
                self.lock.release()

    def _sort(self) -> None:
        while self.returned:
            whole = self.returned.pop()
            self.kept.append(whole)
            self.size += whole.nbytes
        while self.size > self.most:
            self.size -= self.kept.pop(0).nbytes


class Lease:
    """A buffer on loan: it goes back when nobody holds it any more, a tensor made from it included."""

    def __init__(self, pool: Pool, whole: Any) -> None:
        self.pool, self.whole = pool, whole
        self.__array_interface__ = whole.__array_interface__
        self.address: int = self.__array_interface__["data"][0]

    def __del__(self) -> None:
        self.pool.give(self.whole)


pool = Pool()


def empty(shape: tuple[int, ...], strides: tuple[int, ...], like: Tensor) -> Tensor:
    """A dense tensor of undefined values, from the pool where it is large."""
    size = math.prod(shape) * like.element_size()
    if size < LARGE:
        return like.new_empty_strided(shape, strides)
    lease = np.asarray(pool.take(size))  # its base is the lease
    # set_, because a view of the buffer could not be changed in place by a user
    return like.new_empty(0).set_(torch.from_numpy(lease).untyped_storage(), 0, shape, strides)
