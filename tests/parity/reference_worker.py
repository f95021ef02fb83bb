"""Runs llm-compressor's observers on series of tensors for another process.

references.py starts it in an environment with llm-compressor, with the file descriptor of an open
socket. Jobs and answers are plain dicts with bytes, so that both sides share no library.
"""

from __future__ import annotations

import importlib.util

import torch
from compressed_tensors.quantization import QuantizationArgs
from llmcompressor.observers import MemorylessMinMaxObserver, Observer
from llmcompressor.observers.helpers import flatten_for_calibration

from worker_loop import answer_jobs

DTYPES = {"F64": torch.float64, "F32": torch.float32, "BF16": torch.bfloat16, "F16": torch.float16}
NAMES = {dtype: name for name, dtype in DTYPES.items()}

Range = tuple[torch.Tensor, torch.Tensor]


def quantization_args(job: dict) -> QuantizationArgs:
    options = {key: job[key] for key in ("group_size", "block_structure") if job[key] is not None}
    # The reference requires dynamic args for token quantization. Observers ignore this member.
    return QuantizationArgs(
        num_bits=8, strategy=job["strategy"], dynamic=job["strategy"] == "token", **options
    )


def make_observer(job: dict, name: str) -> Observer:
    given = job["averaging_constant"]
    kwargs = {} if given is None else {"averaging_constant": given}
    args = quantization_args(job)
    return Observer.load_from_registry(name, base_name=job["base_name"], args=args, **kwargs)


class Statistics:
    """The statistics API of 0.11 and later, with the state `min_vals` and `max_vals`."""

    def __init__(self, job: dict) -> None:
        self.observer = make_observer(job, job["observer"])

    def add(self, tensor: torch.Tensor) -> dict[str, Range] | None:
        observer = self.observer
        if observer.is_weight_obs and observer.has_statistics:
            # A direct call would skip a weight that was already observed.
            flat = flatten_for_calibration(tensor, observer.base_name, observer.args)
            observer.update_statistics_from_observed(flat)
        else:
            observer(tensor)
        if not observer.has_statistics:
            return None
        found = observer.get_statistics()
        low, high = found["min_vals"], found["max_vals"]
        whole = (low.min().reshape(1), high.max().reshape(1))
        return {"range": (low, high), "global_of_range": whole}


class MovingBase:
    """The methods of 0.10 and earlier, by name."""

    def __init__(self, job: dict) -> None:
        self.observer = make_observer(job, job["observer"])
        # Observers without a moving average have no methods for the current range.
        self.current = make_observer(job, "memoryless_minmax")
        self.answers: dict[str, Range] | None = None

    def _current(self, flat: torch.Tensor, own: torch.Tensor) -> tuple[Range, Range]:
        if hasattr(self.observer, "get_current_min_max"):
            return (
                self.observer.get_current_min_max(flat),
                self.observer.get_current_global_min_max(own),
            )
        assert isinstance(self.current, MemorylessMinMaxObserver)
        return self.current.get_min_max(flat), self.current.get_global_min_max(own)

    def add(self, tensor: torch.Tensor) -> dict[str, Range] | None:
        if tensor.numel() == 0:
            # amin raises an error for an empty tensor; later versions skip it.
            return self.answers
        flat = flatten_for_calibration(tensor, self.observer.base_name, self.observer.args)
        own = tensor.reshape((1, 1, -1))
        current, current_global = self._current(flat, own)
        self.answers = {
            "range": self.observer.get_min_max(flat),
            "global": self.observer.get_global_min_max(own),
            "current": current,
            "current_global": current_global,
        }
        return self.answers


# 0.11 removed the module.
HAS_MOVING_BASE = importlib.util.find_spec("llmcompressor.observers.moving_base") is not None


def to_tensor(dtype: str, shape: list[int], data: bytes) -> torch.Tensor:
    if not data:
        return torch.empty(shape, dtype=DTYPES[dtype])
    return torch.frombuffer(bytearray(data), dtype=DTYPES[dtype]).reshape(shape)


def to_bytes(tensor: torch.Tensor) -> bytes:
    return tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()


def to_answer(found: dict[str, Range] | None) -> dict[str, tuple] | None:
    if found is None:
        return None
    return {
        name: (NAMES[low.dtype], tuple(low.shape), to_bytes(low), to_bytes(high))
        for name, (low, high) in found.items()
    }


@torch.no_grad()
def run(job: dict) -> list[dict[str, tuple] | None]:
    """The answers, by name, at each checkpoint of the job's series."""
    reference = (MovingBase if HAS_MOVING_BASE else Statistics)(job)
    answers = []
    for count, (shape, data) in enumerate(job["tensors"], start=1):
        found = reference.add(to_tensor(job["dtype"], shape, data))
        if count in job["checkpoints"]:
            answers.append(to_answer(found))
    return answers


if __name__ == "__main__":
    answer_jobs(("llmcompressor", "torch"), run)
