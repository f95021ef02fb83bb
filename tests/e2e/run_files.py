"""Reads run files with the safetensors package, and writes captures."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import deserialize, safe_open

# BF16 is read as bits.
NUMPY = {
    "F64": np.float64,
    "F32": np.float32,
    "F16": np.float16,
    "BF16": np.uint16,
    "I64": np.int64,
    "U8": np.uint8,
}


@dataclass
class Raw:
    """A tensor as stored in a file."""

    dtype: str
    shape: list[int]
    data: bytes

    def bits(self) -> np.ndarray:
        """The elements; the bits for BF16."""
        return np.frombuffer(self.data, NUMPY[self.dtype]).reshape(self.shape)

    def values(self) -> np.ndarray:
        """The elements as exact numbers."""
        if self.dtype != "BF16":
            return self.bits()
        return (self.bits().astype(np.uint32) << 16).view(np.float32)


def read_tensors(path: Path) -> dict[str, Raw]:
    """All tensors of a safetensors file, which the package validates."""
    return {
        name: Raw(tensor["dtype"], tensor["shape"], bytes(tensor["data"]))
        for name, tensor in deserialize(path.read_bytes())
    }


def write_tensors(path: Path, tensors: dict[str, Raw]) -> None:
    """Writes a safetensors file."""
    header, end = {}, 0
    for name, tensor in tensors.items():
        offsets = [end, end + len(tensor.data)]
        header[name] = {
            "dtype": tensor.dtype,
            "shape": tensor.shape,
            "data_offsets": offsets,
        }
        end = offsets[1]
    text = json.dumps(header).encode()
    body = b"".join(tensor.data for tensor in tensors.values())
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)


class RunFile:
    """The contents of a run file."""

    def __init__(self, path: Path) -> None:
        with safe_open(path, framework="np") as file:
            self.metadata = file.metadata()
        self.tensors = read_tensors(path)
        self.sessions = {
            name: json.loads(text)
            for name, text in self.metadata.items()
            if "/" in name
        }

    def tensor(self, session: str, name: str) -> Raw:
        return self.tensors[f"{session}/{name}"]

    def column(self, session: str, name: str) -> list:
        return self.tensor(session, name).bits().tolist()


def observed(tensors: dict[str, Raw]) -> dict[str, dict[int, np.ndarray]]:
    """Captured activations by session and batch."""
    sessions: dict[str, dict[int, np.ndarray]] = {}
    for name, tensor in tensors.items():
        session, index = name.rsplit("/", 1)
        sessions.setdefault(session, {})[int(index)] = tensor.values()
    return sessions
