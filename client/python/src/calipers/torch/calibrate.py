"""One call that calibrates a model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch

from calipers.client import Arithmetic, Client
from calipers.errors import InvalidArgumentError
from calipers.progress import ProgressBar
from calipers.questions import FusionMode
from calipers.ranks import resolve_rank
from calipers.session import Session
from calipers.torch.activations import Activation, ActivationHooks, Repeats
from calipers.torch.bar import BatchBar, open_batch_bar
from calipers.torch.batches import (
    Forward,
    NumberedBatches,
    Yields,
    evaluating,
    model_device,
    move,
    run_batch,
)
from calipers.torch.exchange import Exchange, default_store
from calipers.torch.finish import Finish, complete
from calipers.torch.observed import Observed, Opening, log_unobserved, observe_weights
from calipers.torch.qparams import QParamsMapping, ask, check_client, shown
from calipers.torch.refusals import Refusals, check_ends, check_index, check_seals, find_seals
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
    observe: BaseName | Sequence[BaseName] | None = None,
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
    peers_behind: str | Sequence[str] = (),
    progress: ProgressBar | None = None,
) -> QParamsMapping:
    """Runs the model over the dataloader, observes what its modules see, waits for the other
    ranks, and returns the quantization parameters of all of it.

    What is observed: `targets` and `ignore` choose modules as llm-compressor's do, by class, by
    name or by "re:" and a pattern. `observe` says what of them (None: "input", "output" and
    "weight"), as far as `scheme` needs it: nothing of activations that are fully dynamic or left
    as they are, which the log says; if no activation is needed the model does not run. With
    granularity="finest" all is observed, finely enough for every preset to be asked for later.
    `arithmetic` is that of `Client.session`.

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
    `progress` shows a bar of the process's own batches; a function is called with the totals after
    each.

    Raises InvalidArgumentError for what can never be right; FailedPreconditionError if a session
    has no answer, such as an expert that saw nothing, or the run is sealed at other batches, before
    the model runs if it is known how many there are; RefusedError after the first batch of which
    something is known to be refused; DeadlineExceededError if other ranks' records do not come;
    what the client raises. The model is as it was afterwards, whatever happens.
    """
    _check_kinds(model, dataloader, client)
    _check_choice("repeats", repeats, ("refuse", "concatenate"))
    _check_choice("finish", finish, ("seal", "wait"))
    model = unwrap(model)
    wanted = resolve_scheme(scheme)
    base_names = check_observe(observe)
    own_rank = resolve_rank(rank, world_size)
    exchange = Exchange(own_rank, client.run, timeout, default_store(own_rank))
    batches = NumberedBatches(dataloader, own_rank, yields, total, exchange)
    modules = find_modules(model, targets, ignore)

    opening = Opening(client, wanted, granularity, arithmetic, resume)
    with exchange.failure_told():
        observed = opening.open(modules, base_names)
        weights = [one for one in observed if one.is_weight]
        inner = [one for one in observed if not one.is_weight]
        log_unobserved(wanted, base_names, observed, observe)
        count: int | None = None
        if inner:
            seals = _foresee(client, [one.session for one in inner], batches, finish)
        observe_weights(weights, own_rank)
        if inner:
            # Weights that are refused are found before the model runs.
            client.flush()
            bar = open_batch_bar(progress, batches.own_count)
            try:
                runner = _Runner(client, model, inner, seals, repeats, forward)
                count = runner.run(batches, bar)
            finally:
                bar.close()
    counts = [(one.session, 1 if one.is_weight else count or 0) for one in observed]
    complete(client, counts, finish, timeout)
    return ask(
        client,
        [one.session.name for one in observed],
        wanted,
        fusion=fusion,
        fuse=fuse,
        peers_behind=peers_behind,
        total=count,
    )


def _foresee(
    client: Client, sessions: Sequence[Session], batches: NumberedBatches, finish: Finish
) -> Mapping[str, int]:
    """The seals of the sessions, by name.

    Raises FailedPreconditionError if the batches to come cannot go with these, or with what the
    sessions hold.
    """
    batches.announce()
    seals = find_seals(client, sessions)
    # Others are waited for only where there is something to compare.
    total = batches.foresee_total() if seals else batches.known_total()
    # Without any there will be another error.
    if total:
        check_seals(seals, total)
        if finish == "seal":
            check_ends(sessions, total)
    return seals


class _Runner:
    """Runs the model with hooks."""

    def __init__(
        self,
        client: Client,
        model: torch.nn.Module,
        observed: Sequence[Observed],
        seals: Mapping[str, int],
        repeats: Repeats,
        forward: Forward,
    ) -> None:
        self._client = client
        self._model = model
        self._seals = seals
        self._forward = forward
        self._present = [one.present for one in observed]
        self._hooks = ActivationHooks(
            Activation(one.module, one.session, one.present, repeats) for one in observed
        )

    def run(self, batches: NumberedBatches, bar: BatchBar) -> int:
        """Observes every batch of this rank, and returns how many all ranks have.

        Raises RefusedError as soon as something is known to be refused.
        """
        device = model_device(self._model)
        refusals = Refusals(self._client)
        done = 0
        with evaluating(self._model), self._hooks.registered():
            for done, (index, batch) in enumerate(batches, 1):
                check_index(self._seals, index)
                if all_hold(self._present, index):
                    continue
                with self._hooks.batch(index):
                    self._forward(self._model, move(batch, device))
                refusals.check()
                bar.update(done, self._client.totals)
            # Whoever waits for the others has nothing left that could be refused.
            self._client.flush()
            total, lacking = batches.settle()
            for index in lacking:
                self._hooks.skip(index)
        bar.update(done, self._client.flush())
        return total


def _check_kinds(model: object, dataloader: object, client: object) -> None:
    if not isinstance(model, torch.nn.Module):
        raise InvalidArgumentError(f"model is {shown(model)}; a torch.nn.Module is allowed")
    if not hasattr(dataloader, "__iter__") and not hasattr(dataloader, "__getitem__"):
        raise InvalidArgumentError(
            f"dataloader is {shown(dataloader)}; what yields batches is allowed"
        )
    check_client(client)


def _check_choice(field: str, value: str, allowed: Sequence[str]) -> None:
    if value not in allowed:
        choices = ", ".join(f'"{choice}"' for choice in allowed)
        raise InvalidArgumentError(f"{field} is {value!r} (allowed: {choices})")
