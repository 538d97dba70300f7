"""What a GPU and its host do during a call, as CUPTI sees it."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import torch

# Calls after which the host waits; copies to pageable memory wait too and have no name of their own.
_WAITS = ("cudaStreamSynchronize", "cudaDeviceSynchronize", "cudaEventSynchronize", "cuStreamSynchronize")


@dataclass(frozen=True)
class DeviceProfile:
    """Work of one call on a GPU."""

    busy_ms: float
    """Kernels and copies, added up."""
    launches: int
    waits: int
    copies: int
    allocations: int
    kernels: list[tuple[str, float, int]]
    """Name, milliseconds and number, the costliest first."""


def profile(call: Callable[[], object], device: torch.device) -> DeviceProfile:
    """Profile ``call``, once it has run before; itself it takes several times as long here."""
    activities = [torch.profiler.ProfilerActivity.CPU, torch.profiler.ProfilerActivity.CUDA]
    call()
    torch.cuda.synchronize(device)
    with torch.profiler.profile(activities=activities, acc_events=True) as recorded:
        call()
        torch.cuda.synchronize(device)
    host: Counter[str] = Counter()
    spent: Counter[str] = Counter()
    number: Counter[str] = Counter()
    for event in recorded.events():
        if event.device_type.name == "CPU":
            host[event.name] += 1
        elif not event.is_user_annotation:
            spent[event.name] += event.time_range.elapsed_us() / 1000
            number[event.name] += 1
    return DeviceProfile(
        busy_ms=sum(spent.values()),
        launches=sum(count for name, count in host.items() if "LaunchKernel" in name),
        waits=sum(host[name] for name in _WAITS) - 1,
        copies=sum(count for name, count in host.items() if "Memcpy" in name),
        allocations=sum(count for name, count in host.items() if "Malloc" in name or "HostAlloc" in name),
        kernels=[(name, ms, number[name]) for name, ms in spent.most_common()],
    )
