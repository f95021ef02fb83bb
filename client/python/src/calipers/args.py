"""Conversion of quantization args between compressed-tensors' names and values and the
protocol's."""

from __future__ import annotations

import enum
import json
from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeAlias, TypeVar

from calipers import checks
from calipers._wire import session_pb2
from calipers.dtypes import from_torch_name
from calipers.errors import InvalidArgumentError

_Name = TypeVar("_Name", bool | str, str)

_STRATEGIES = {
    "tensor": session_pb2.STRATEGY_TENSOR,
    "channel": session_pb2.STRATEGY_CHANNEL,
    "group": session_pb2.STRATEGY_GROUP,
    "block": session_pb2.STRATEGY_BLOCK,
    "token": session_pb2.STRATEGY_TOKEN,
    "tensor_group": session_pb2.STRATEGY_TENSOR_GROUP,
    "attn_head": session_pb2.STRATEGY_ATTN_HEAD,
}
_TYPES = {
    "int": session_pb2.QUANTIZATION_TYPE_INT,
    "float": session_pb2.QUANTIZATION_TYPE_FLOAT,
}
_DYNAMICS: dict[bool | str, session_pb2.Dynamic] = {
    False: session_pb2.DYNAMIC_FALSE,
    True: session_pb2.DYNAMIC_TRUE,
    "local": session_pb2.DYNAMIC_LOCAL,
}
_ACTORDERS: dict[bool | str, session_pb2.Actorder] = {
    # compressed-tensors accepts False for "no reordering".
    False: session_pb2.ACTORDER_UNSPECIFIED,
    "weight": session_pb2.ACTORDER_WEIGHT,
    "static": session_pb2.ACTORDER_STATIC,
}


class SupportsModelDump(Protocol):
    """compressed-tensors' QuantizationArgs, which is a pydantic model."""

    def model_dump(self) -> dict[str, Any]:
        """The model's fields by name."""
        ...


Args: TypeAlias = Mapping[str, Any] | SupportsModelDump
"""compressed-tensors' QuantizationArgs, or a mapping with the same names, such as
{"num_bits": 4, "strategy": "group", "group_size": 128}. A member that is absent or None takes
compressed-tensors' default."""


def to_mapping(args: Args) -> dict[str, Any]:
    """The given members, by name. Enums and dtypes become their names.

    Raises InvalidArgumentError if `args` is neither QuantizationArgs nor a mapping, for a name
    that QuantizationArgs does not have, and for a value of a wrong type.
    """
    given = dict(args) if isinstance(args, Mapping) else _fields(args)
    for name in given:
        if name not in _SETTERS:
            raise InvalidArgumentError(
                f'args has "{name}", which QuantizationArgs does not have (allowed: '
                f"{', '.join(_SETTERS)})"
            )
    return {
        name: _KINDS.get(name, _plain)(value) for name, value in given.items() if value is not None
    }


def to_json(args: Args) -> str:
    """Converts args to a JSON object. Raises as `to_mapping`."""
    given = to_mapping(args)
    try:
        return json.dumps(given)
    except (TypeError, ValueError) as error:
        raise InvalidArgumentError(f"args is {given!r}: {error}") from error


def to_proto(args: Args, observer: str | None = None) -> session_pb2.QuantizationArgs:
    """Converts args to the protocol's message. `observer` gives args["observer"].

    Raises InvalidArgumentError, naming the field, for a value of a wrong type, and if `observer`
    and args name different observers.
    """
    given = to_mapping(args)
    if observer is not None and given.setdefault("observer", observer) != observer:
        raise InvalidArgumentError(
            f'observer is "{observer}" and args name "{given["observer"]}"; give only one observer'
        )
    message = session_pb2.QuantizationArgs()
    for name, value in given.items():
        try:
            _SETTERS[name](message, value)
        except InvalidArgumentError:
            raise
        except (TypeError, ValueError) as error:
            raise InvalidArgumentError(f"args.{name} is {value!r}: {error}") from error
    return message


def strategy_name(strategy: session_pb2.Strategy) -> str:
    """The strategy's name in compressed-tensors, such as "tensor_group"."""
    return _name_of(strategy, _STRATEGIES)


def from_proto(message: session_pb2.QuantizationArgs) -> dict[str, Any]:
    """A session's args, with compressed-tensors' names. Inferred members are included."""
    args: dict[str, Any] = {
        "num_bits": message.num_bits,
        "type": _name_of(message.type, _TYPES),
        "symmetric": message.symmetric,
        "strategy": strategy_name(message.strategy),
        "dynamic": _name_of(message.dynamic, _DYNAMICS),
        "observer": message.observer,
    }
    if message.HasField("group_size"):
        args["group_size"] = message.group_size
    if message.block_structure:
        args["block_structure"] = list(message.block_structure)
    if message.actorder:
        args["actorder"] = _name_of(message.actorder, _ACTORDERS)
    for name in ("scale_dtype", "zp_dtype"):
        if value := getattr(message, name):
            args[name] = value
    if message.observer_kwargs.HasField("averaging_constant"):
        constant = message.observer_kwargs.averaging_constant
        args["observer_kwargs"] = {"averaging_constant": constant}
    return args


def _fields(args: SupportsModelDump) -> dict[str, Any]:
    """The fields of a pydantic model. model_dump leaves out zp_dtype of symmetric args, even if a
    preset sets it. The attribute holds a given and an inferred zp_dtype alike, so an inferred one,
    which a mapping would not have, is dropped here."""
    if not hasattr(args, "model_dump"):
        raise InvalidArgumentError(
            f"args is {args!r} (allowed: QuantizationArgs, or a mapping with the same names)"
        )
    given = args.model_dump()
    zp_dtype = str(getattr(args, "zp_dtype", None))
    inferred = zp_dtype == f"torch.{_inferred_zp_dtype(given)}"
    return {**given, "zp_dtype": None if inferred or zp_dtype == "None" else zp_dtype}


def _inferred_zp_dtype(given: Mapping[str, Any]) -> str:
    if _plain(given.get("type")) == "float":
        return "float8_e4m3fn"
    bits = given.get("num_bits", 8)
    return "int8" if bits <= 8 else "int16" if bits <= 16 else "int32"


def _plain(value: Any) -> Any:
    if isinstance(value, enum.Enum):
        return value.value
    # A torch.dtype, without importing torch.
    if type(value).__name__ == "dtype" and type(value).__module__ == "torch":
        return str(value)
    return value


def _truth(field: str) -> Callable[[Any], bool]:
    def check(value: Any) -> bool:
        if not isinstance(value, bool):
            raise InvalidArgumentError(f"args.{field} is {value!r} (allowed: True, False)")
        return value

    return check


def _number(field: str) -> Callable[[Any], int]:
    # The server decides which numbers are valid.
    return lambda value: checks.whole_number(f"args.{field}", value, -(1 << 63), (1 << 63) - 1)


def _name_of(number: int, members: Mapping[_Name, int]) -> _Name:
    return next(name for name, member in members.items() if member == number)


def _member(field: str, value: Any, members: Mapping[Any, int]) -> int:
    key = value.lower() if isinstance(value, str) else value
    if key not in members:
        allowed = ", ".join(json.dumps(member) for member in members)
        raise InvalidArgumentError(f"args.{field} is {value!r} (allowed: {allowed})")
    return members[key]


def _set_plain(field: str) -> Callable[[session_pb2.QuantizationArgs, Any], None]:
    return lambda message, value: setattr(message, field, value)


def _set_member(
    field: str, members: Mapping[Any, int]
) -> Callable[[session_pb2.QuantizationArgs, Any], None]:
    return lambda message, value: setattr(message, field, _member(field, value, members))


def _set_dtype(field: str) -> Callable[[session_pb2.QuantizationArgs, Any], None]:
    def set_dtype(message: session_pb2.QuantizationArgs, value: Any) -> None:
        dtype = from_torch_name(str(value))
        setattr(message, field, dtype.value if dtype else str(value))

    return set_dtype


def _set_block_structure(message: session_pb2.QuantizationArgs, value: Any) -> None:
    sides = value.split("x") if isinstance(value, str) else value
    message.block_structure.extend(int(side) for side in sides)


def _set_observer_kwargs(message: session_pb2.QuantizationArgs, value: Any) -> None:
    for name in value:
        if name != "averaging_constant":
            raise InvalidArgumentError(
                f'args.observer_kwargs has "{name}" (allowed: averaging_constant)'
            )
        message.observer_kwargs.averaging_constant = value[name]


_KINDS: dict[str, Callable[[Any], Any]] = {
    "num_bits": _number("num_bits"),
    "symmetric": _truth("symmetric"),
    "group_size": _number("group_size"),
}

_SETTERS: dict[str, Callable[[session_pb2.QuantizationArgs, Any], None]] = {
    "num_bits": _set_plain("num_bits"),
    "type": _set_member("type", _TYPES),
    "symmetric": _set_plain("symmetric"),
    "strategy": _set_member("strategy", _STRATEGIES),
    "group_size": _set_plain("group_size"),
    "block_structure": _set_block_structure,
    "dynamic": _set_member("dynamic", _DYNAMICS),
    "actorder": _set_member("actorder", _ACTORDERS),
    "scale_dtype": _set_dtype("scale_dtype"),
    "zp_dtype": _set_dtype("zp_dtype"),
    "observer": _set_plain("observer"),
    "observer_kwargs": _set_observer_kwargs,
}
