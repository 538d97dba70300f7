"""Timing on a device, and what it reaches at best."""

import statistics
import time
from collections.abc import Callable

import torch

REPEATS = 3


def synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def seconds_per_call(call: Callable[[], object], device: torch.device, window: float) -> float:
    """Median over `REPEATS` windows of about ``window`` seconds, after a warm-up."""

    def timed(count: int) -> float:
        synchronise(device)
        started = time.perf_counter()
        for _ in range(count):
            call()
        synchronise(device)
        return time.perf_counter() - started

    count, spent = 1, timed(1)
    while spent < window / 5:
        count *= 2
        spent = timed(count)
    count = max(1, round(count * window / spent))
    return statistics.median(timed(count) for _ in range(REPEATS)) / count


def measure_device(device: torch.device, window: float) -> dict[str, float]:
    """bfloat16 product of random matrices, and a copy within memory (bytes read and written)."""
    size, elements = (8192, 1 << 30) if device.type == "cuda" else (1024, 1 << 26)
    a, b = (torch.randn(size, size, device=device).to(torch.bfloat16) for _ in range(2))
    out = torch.empty_like(a)
    source = torch.randn(elements // 4, device=device)
    target = torch.empty_like(source)
    product = seconds_per_call(lambda: torch.mm(a, b, out=out), device, window / 5)
    copy = seconds_per_call(lambda: target.copy_(source), device, window / 5)
    return {"bf16_tflops": 2 * size**3 / product / 1e12, "copy_gb_per_s": 2 * elements / copy / 1e9}
