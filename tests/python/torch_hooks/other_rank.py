"""Rank 1 of a process group of two that meet at RENDEZVOUS; then does nothing until its input
ends."""

from __future__ import annotations

import sys

from torch import distributed

distributed.init_process_group("gloo", init_method=f"file://{sys.argv[1]}", rank=1, world_size=2)
sys.stdin.read()
