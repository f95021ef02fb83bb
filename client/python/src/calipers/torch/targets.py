"""Selection of a model's modules with `targets` and `ignore`, as in llm-compressor."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Mapping, Sequence

import torch

from calipers.errors import InvalidArgumentError
from calipers.wording import counted

_log = logging.getLogger("calipers")

_WRAPPERS = (torch.nn.parallel.DistributedDataParallel, torch.nn.DataParallel)


def unwrap(model: torch.nn.Module) -> torch.nn.Module:
    """The model inside wrappers of DistributedDataParallel, DataParallel and torch.compile. Its
    modules have their original names. Its forward pass has no collectives, so that ranks can have
    different numbers of batches."""
    while True:
        if isinstance(model, _WRAPPERS):
            model = model.module
        elif isinstance(inner := getattr(model, "_orig_mod", None), torch.nn.Module):
            model = inner
        else:
            return model


def find_modules(
    model: torch.nn.Module, targets: str | Sequence[str], ignore: str | Sequence[str]
) -> dict[str, torch.nn.Module]:
    """The modules that match a target and no `ignore`, by name, in the model's order.

    Each target and each `ignore` is the name of a module, the name of its class or of a base class,
    or "re:" and a pattern that matches at the beginning of the module's name.

    Raises InvalidArgumentError if no module is selected; warns if a target matches no module.
    """
    wanted, unwanted = _patterns("targets", targets), _patterns("ignore", ignore)
    unmatched = dict.fromkeys(wanted)
    found = {}
    for name, module in model.named_modules():
        matching = [target for target in wanted if _matches(name, module, target)]
        for target in matching:
            unmatched.pop(target, None)
        if matching and not any(_matches(name, module, pattern) for pattern in unwanted):
            found[name] = module
    if not found:
        raise InvalidArgumentError(
            f"targets {list(wanted)} without ignore {list(unwanted)} match no module of "
            f"{type(model).__qualname__}, which has modules of the classes {_classes(model)}"
        )
    if "" in found:
        raise InvalidArgumentError(
            f"targets {list(wanted)} match the model itself, a {type(model).__qualname__}, which "
            "has no name: put it inside another module, or choose other targets"
        )
    for target in unmatched:
        warnings.warn(f'target "{target}" matches no module', RuntimeWarning, stacklevel=3)
    return found


def warn_of_stacked_experts(model: torch.nn.Module, chosen: Mapping[str, torch.nn.Module]) -> None:
    """Warns if the model keeps the weights of several experts in one parameter of three dimensions:
    these experts are no modules, so nothing of them is observed."""
    stacked = {
        f"{name}.{parameter_name}": tuple(parameter.shape)
        for name, module in model.named_modules()
        if name not in chosen and not isinstance(module, torch.nn.modules.conv._ConvNd)
        for parameter_name, parameter in module.named_parameters(recurse=False)
        if parameter.dim() == 3 and parameter.shape[0] > 1 and parameter.is_floating_point()
    }
    if not stacked:
        return
    name, shape = next(iter(stacked.items()))
    _log.warning(
        "not observed: %s of three dimensions, such as %s of shape %s. They look like the weights "
        "of experts that are no modules of their own. Make each expert a module of Linear layers "
        "before the calibration: for transformers models, "
        "llmcompressor.modeling.moe.linearize.linearize_moe(model) does that",
        counted(len(stacked), "parameter"),
        name,
        list(shape),
    )


def _patterns(field: str, given: str | Sequence[str]) -> tuple[str, ...]:
    patterns = (given,) if isinstance(given, str) else tuple(given)
    for pattern in patterns:
        if pattern.startswith("re:"):
            try:
                re.compile(pattern[3:])
            except re.error as error:
                raise InvalidArgumentError(f'{field} has "{pattern}": {error}') from None
    return patterns


def _matches(name: str, module: torch.nn.Module, pattern: str) -> bool:
    if pattern.startswith("re:"):
        return re.match(pattern[3:], name) is not None
    return pattern == name or pattern in (kind.__name__ for kind in type(module).__mro__)


def _classes(model: torch.nn.Module) -> str:
    return ", ".join(sorted({type(module).__name__ for module in model.modules()}))
