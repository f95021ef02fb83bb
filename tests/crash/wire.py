"""The protocol's Python modules, generated from the .proto files when this module is imported."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path.append(str(TOP / "tests" / "parity"))

from stubs import generate  # noqa: E402  the folder was just put on the path

with tempfile.TemporaryDirectory() as made:
    generate(TOP / "proto", Path(made))
    from calipers.v1 import calibration_pb2 as calls
    from calipers.v1 import calibration_pb2_grpc, observation_pb2, range_pb2, session_pb2

    sys.path.remove(made)

CalibrationServicer = calibration_pb2_grpc.CalibrationServicer
CalibrationStub = calibration_pb2_grpc.CalibrationStub
add_to_server = calibration_pb2_grpc.add_CalibrationServicer_to_server
Outcome = observation_pb2.ObservationAck

__all__ = [
    "CalibrationServicer",
    "CalibrationStub",
    "Outcome",
    "add_to_server",
    "calls",
    "observation_pb2",
    "range_pb2",
    "session_pb2",
]
