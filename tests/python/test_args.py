"""Conversion of quantization args to the protocol and back."""

from __future__ import annotations

import enum
import json

import pytest
import torch

from calipers import args
from calipers._wire import session_pb2
from calipers.errors import InvalidArgumentError

FULL = {
    "num_bits": 4,
    "type": "float",
    "symmetric": False,
    "strategy": "tensor_group",
    "group_size": 16,
    "dynamic": "local",
    "actorder": "weight",
    "scale_dtype": "F8_E4M3",
    "zp_dtype": "I8",
    "observer": "static_minmax",
    "observer_kwargs": {"averaging_constant": 0.25},
}


def test_args_round_trip_through_proto():
    assert args.from_proto(args.to_proto(FULL)) == FULL


@pytest.mark.parametrize("strategy", [v for v in session_pb2.Strategy.values() if v])
def test_every_strategy_has_its_name(strategy):
    name = args.strategy_name(strategy)
    assert f"STRATEGY_{name.upper()}" == session_pb2.Strategy.Name(strategy)
    assert args.to_proto({"strategy": name}).strategy == strategy


@pytest.mark.parametrize(
    ("dynamic", "wanted"),
    [
        (False, session_pb2.DYNAMIC_FALSE),
        (True, session_pb2.DYNAMIC_TRUE),
        ("local", session_pb2.DYNAMIC_LOCAL),
        ("LOCAL", session_pb2.DYNAMIC_LOCAL),
    ],
)
def test_dynamic(dynamic, wanted):
    assert args.to_proto({"dynamic": dynamic}).dynamic == wanted


@pytest.mark.parametrize("blocks", [[128, 64], (128, 64), "128x64"])
def test_block_structure(blocks):
    assert list(args.to_proto({"block_structure": blocks}).block_structure) == [128, 64]


@pytest.mark.parametrize("dtype", [torch.bfloat16, "torch.bfloat16", "bfloat16", "BF16"])
def test_dtypes_by_any_of_their_names(dtype):
    assert args.to_proto({"scale_dtype": dtype}).scale_dtype == "BF16"


class Strategy(str, enum.Enum):
    """An enum like that of compressed-tensors."""

    GROUP = "group"


class QuantizationArgs:
    """Like compressed-tensors' pydantic model."""

    def model_dump(self) -> dict[str, object]:
        return {
            "num_bits": 4,
            "strategy": Strategy.GROUP,
            "group_size": 128,
            "block_structure": None,
            "scale_dtype": torch.float16,
            "observer": None,
            "observer_kwargs": {},
        }


@pytest.mark.parametrize(
    ("type_name", "bits", "zp_dtype", "wanted"),
    [
        ("int", 8, torch.int8, ""),
        ("int", 12, torch.int16, ""),
        ("int", 8, torch.int16, "I16"),
        ("float", 4, torch.float8_e4m3fn, ""),
        # The zp_dtype of MXFP4, which model_dump leaves out.
        ("float", 4, torch.uint8, "U8"),
    ],
)
def test_the_dtype_of_a_models_zero_points(type_name, bits, zp_dtype, wanted):
    model = QuantizationArgs()
    model.zp_dtype = zp_dtype
    dumped = {**model.model_dump(), "type": type_name, "num_bits": bits, "zp_dtype": None}
    model.model_dump = lambda: dumped
    assert args.to_proto(model).zp_dtype == wanted


def test_a_model_of_compressed_tensors():
    message = args.to_proto(QuantizationArgs(), "minmax")
    assert message == session_pb2.QuantizationArgs(
        num_bits=4,
        strategy=session_pb2.STRATEGY_GROUP,
        group_size=128,
        scale_dtype="F16",
        observer="minmax",
    )
    assert json.loads(args.to_json(QuantizationArgs())) == {
        "num_bits": 4,
        "strategy": "group",
        "group_size": 128,
        "scale_dtype": "torch.float16",
        "observer_kwargs": {},
    }


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"scheme": "W8A8"},
            r'args has "scheme", which QuantizationArgs does not have \(allowed: num',
        ),
        ({"strategy": "rows"}, r"args.strategy is 'rows' \(allowed: \"tensor\", "),
        ({"dynamic": "no"}, r"args.dynamic is 'no' \(allowed: false, true, \"local\"\)"),
        ({"type": 8}, "args.type is 8"),
        ({"num_bits": 4.5}, "args.num_bits is 4.5"),
        ({"symmetric": "yes"}, "args.symmetric is 'yes'"),
        ({"block_structure": "128 64"}, "args.block_structure is '128 64'"),
        ({"observer_kwargs": {"averaging_constant": "x"}}, "args.observer_kwargs is"),
    ],
)
def test_values_of_another_kind(given, message):
    with pytest.raises(InvalidArgumentError, match=message):
        args.to_proto(given)


def test_one_observer():
    assert args.to_proto({"observer": "minmax"}, "minmax").observer == "minmax"
    with pytest.raises(InvalidArgumentError, match="give only one observer"):
        args.to_proto({"observer": "minmax"}, "static_minmax")
