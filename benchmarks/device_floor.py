"""The fastest that a device can answer: what has to be read and multiplied, over what it reads and multiplies a second.

Bytes are those of one response that miss every cache: the history itself, and what each of its items is looked up for.
A scattered look-up moves whole sectors of 32 bytes. Both rates are measured: a copy of 1 GiB, reads and writes
counted, and a product of float32 matrices. Tables that fit into the device's cache can be answered faster.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import numpy as np
import torch
from random_world import HISTORY

from models.device.simulator import DeviceSimulator

_SECTOR = 32


def bytes_per_response(on_device: DeviceSimulator) -> int:
    """Bytes that a response with a full history has to read."""
    network = on_device.network.settings
    looked_up = [
        4 * network.width,  # item vector
        *(4, 4, 8),  # rating effect, P(like) of the item alone, categories of the statistics
        8 * on_device.categories.shape[1],
        4 * on_device.factors.items.shape[1],
        4 * on_device.words.words.shape[1],
        *(8, 4),  # place among the items of EASE, weight
    ]
    for side, cosines in ((on_device.pro, on_device.pro_cosines), (on_device.con, on_device.con_cosines)):
        asked = (side.keywords >= 0).sum(1).float().mean().item()  # a word each, in other sectors mostly
        looked_up += [4] if cosines.all_known else [2 * cosines.vectors.shape[1], 4]
        looked_up += [8] * round(asked)
    own = 8 + 1 + 1 + 4  # item, present, like, rating
    return HISTORY * (own + sum(_SECTOR * -(-size // _SECTOR) for size in looked_up))


def operations_per_response(on_device: DeviceSimulator) -> int:
    """Floating-point operations of a response's matrix products."""
    d, k = on_device.network.settings.width, on_device.factors.items.shape[1]
    attention = (HISTORY + 1) * on_device.network.settings.heads * 4 * d
    cosines = 0 if on_device.pro_cosines.all_known else 2 * 2 * on_device.pro_cosines.vectors.shape[1]
    return attention + 16 * d * d + HISTORY * (2 * k * k + cosines)


def floor_per_second(on_device: DeviceSimulator) -> float:
    """Responses per second that neither memory nor arithmetic allows to be exceeded."""
    device = on_device.device
    x = torch.empty(1 << 28, device=device)
    y, a = torch.empty_like(x), torch.randn(8192, 8192, device=device)
    bandwidth = 2 * x.nbytes / _seconds(lambda: y.copy_(x), device)
    arithmetic = 2 * 8192**3 / _seconds(lambda: a @ a, device)
    seconds = bytes_per_response(on_device) / bandwidth, operations_per_response(on_device) / arithmetic
    print(
        f"{bandwidth / 1e12:.2f} TB/s, {arithmetic / 1e12:.1f} TFLOP/s; a response reads "
        f"{bytes_per_response(on_device)} bytes and takes {operations_per_response(on_device)} operations",
        file=sys.stderr,
    )
    return 1 / max(seconds)


def _seconds(work: Callable[[], object], device: torch.device) -> float:
    """Of the fastest of ten calls."""
    taken = []
    for _ in range(10):
        settle(device)
        started = time.perf_counter()
        work()
        settle(device)
        taken.append(time.perf_counter() - started)
    return float(np.min(taken))


def settle(device: torch.device) -> None:
    """Wait until the device has done all that it was asked for."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
