"""One call that calibrates a model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch

from calipers.client import Arithmetic, Client
from calipers.errors import InvalidArgumentError
from calipers.progress import ProgressBar, open_bar
from calipers.questions import FusionMode
from calipers.ranks import resolve_rank
from calipers.torch.activations import Activation, ActivationHooks, Repeats
from calipers.torch.batches import (
    Forward,
    NumberedBatches,
    Yields,
    evaluating,
    model_device,
    move,
    run_batch,
)
from calipers.torch.finish import Finish, complete
from calipers.torch.observed import Observed, Opening, observe_weights
from calipers.torch.qparams import QParamsMapping, ask
from calipers.torch.resume import all_hold
from calipers.torch.scheme import (
    BaseName,
    Granularity,
    Scheme,
    check_observe,
    resolve_scheme,
)
from calipers.torch.targets import find_modules, unwrap


def calibrate(
    model: torch.nn.Module,
    dataloader: Iterable[Any],
    client: Client,
    *,
    targets: str | Sequence[str] = "Linear",
    ignore: str | Sequence[str] = (),
    observe: BaseName | Sequence[BaseName] = ("input", "output", "weight"),
    scheme: Scheme = "W8A8",
    granularity: Granularity = "scheme",
    arithmetic: Arithmetic = "exact",
    rank: int | None = None,
    world_size: int | None = None,
    yields: Yields = "share",
    total: int | None = None,
    resume: bool = False,
    repeats: Repeats = "refuse",
    forward: Forward = run_batch,
    finish: Finish = "seal",
    timeout: float = 3600.0,
    fusion: FusionMode = "known",
    fuse: Sequence[Sequence[str]] = (),
    peers_behind: Sequence[str] = (),
    progress: ProgressBar | None = None,
) -> QParamsMapping:
    """Runs the model over the dataloader, observes what its modules see, waits for the other
    ranks, and returns the quantization parameters of all of it.

    What is observed: `targets` and `ignore` choose modules as llm-compressor's do, by class, by
    name or by "re:" and a pattern. `observe` says what of them, as far as `scheme` needs it:
    nothing of activations that are fully dynamic or left as they are; if no activation is needed
    the model does not run. With granularity="finest" all is observed, finely enough for every
    preset to be asked for later. `arithmetic` is that of `Client.session`.

    By whom: `rank` of `world_size` (default: torch.distributed's, else $RANK and $WORLD_SIZE, else
    one process). Local batch n is number n * world_size + rank of the calibration set where the
    dataloader yields the rank's own share, as DistributedSampler and accelerate deal them; with
    yields="all" it yields every batch and the rank takes its own. `total` is how many there are
    in all; torch.distributed, or yields="all", makes it known without.

    How: in evaluation mode and without gradients, each batch moved to the model's device and given
    to it by `forward` (default: a mapping as keywords, a tuple or list as arguments, a tensor as
    the one). A module that does not run in a batch observes an empty tensor. One that runs more
    than once is refused, or with repeats="concatenate" observed as one tensor, for which every
    activation is held until its batch ends. `resume` leaves out what the run holds already.

    In the end: `finish` seals the sessions, or only waits until all ranks' records are there, up
    to `timeout` seconds. `fusion`, `fuse` and `peers_behind` are those of `Session.qparams`;
    `progress` shows a bar of the observations.

    Raises InvalidArgumentError for what can never be right; FailedPreconditionError if a session
    has no answer, such as an expert that saw nothing; DeadlineExceededError if other ranks'
    records do not come; what the client raises. The model is as it was afterwards, whatever
    happens.
    """
    _check_choice("repeats", repeats, ("refuse", "concatenate"))
    _check_choice("finish", finish, ("seal", "wait"))
    model = unwrap(model)
    wanted = resolve_scheme(scheme)
    base_names = check_observe(observe)
    own_rank = resolve_rank(rank, world_size)
    batches = NumberedBatches(dataloader, own_rank, yields, total)
    modules = find_modules(model, targets, ignore)

    opening = Opening(client, wanted, granularity, arithmetic, resume)
    observed = opening.open(modules, base_names)
    weights = [one for one in observed if one.is_weight]
    inner = [one for one in observed if not one.is_weight]
    observe_weights(weights, own_rank)
    count: int | None = None
    if inner:
        bar = open_bar(progress)
        try:
            runner = _Runner(model, inner, repeats, forward)
            count = runner.run(batches, lambda: bar.update(client.totals))
            bar.update(client.flush())
        finally:
            bar.close()
    counts = [(one.session, 1 if one.is_weight else count or 0) for one in observed]
    complete(counts, finish, timeout, client)
    return ask(
        client,
        [one.session.name for one in observed],
        wanted,
        fusion=fusion,
        fuse=fuse,
        peers_behind=peers_behind,
        total=count,
    )


class _Runner:
    """Runs the model with hooks."""

    def __init__(
        self,
        model: torch.nn.Module,
        observed: Sequence[Observed],
        repeats: Repeats,
        forward: Forward,
    ) -> None:
        self._model = model
        self._forward = forward
        self._present = [one.present for one in observed]
        self._hooks = ActivationHooks(
            Activation(one.module, one.session, one.present, repeats) for one in observed
        )

    def run(self, batches: NumberedBatches, on_batch: Callable[[], None]) -> int:
        """Observes every batch of this rank, and returns how many all ranks have."""
        device = model_device(self._model)
        with evaluating(self._model), self._hooks.registered():
            for index, batch in batches:
                if all_hold(self._present, index):
                    continue
                with self._hooks.batch(index):
                    self._forward(self._model, move(batch, device))
                on_batch()
            total, lacking = batches.settle()
            for index in lacking:
                self._hooks.skip(index)
        return total


def _check_choice(field: str, value: str, allowed: Sequence[str]) -> None:
    if value not in allowed:
        choices = ", ".join(f'"{choice}"' for choice in allowed)
        raise InvalidArgumentError(f"{field} is {value!r} (allowed: {choices})")
