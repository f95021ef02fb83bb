"""One call that calibrates a model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch

from calipers.client import Arithmetic, Client
from calipers.errors import InvalidArgumentError
from calipers.progress import ProgressBar
from calipers.questions import Fuse, FusionMode
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
from calipers.torch.targets import find_modules, unwrap, warn_of_stacked_experts


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
    fuse: Fuse = (),
    peers_behind: str | Sequence[str] = (),
    progress: ProgressBar | None = None,
) -> QParamsMapping:
    """Runs the model over the dataloader, observes its modules, waits for the other ranks, and
    returns the quantization parameters of all observed modules.

    Selection: `targets` and `ignore` select modules by class, by name or by "re:" and a pattern,
    as in llm-compressor. `observe` selects "input", "output" and "weight" (None: all three).
    Values that `scheme` does not quantize, or quantizes fully dynamically, are not observed, and
    the log names them. If no activation is needed, the model does not run. With
    granularity="finest" every selected value is observed, finely enough for every preset.
    `arithmetic` is as in `Client.session`.

    Ranks: this process is `rank` of `world_size` (default: torch.distributed's, else $RANK and
    $WORLD_SIZE, else one process). With yields="share" the dataloader yields this rank's batches,
    as DistributedSampler and accelerate distribute them: its n-th batch has the index
    n * world_size + rank in the calibration set. With yields="all" it yields every batch, and the
    rank takes its own. `total` is the number of batches of all ranks; it is not needed with
    torch.distributed or yields="all".

    Run: the model runs in evaluation mode without gradients. Each batch is moved to the model's
    device. `forward` runs the model on a batch (default: a mapping gives keyword arguments, a
    tuple or list positional arguments, a tensor the only argument). A module that does not run in
    a batch observes an empty tensor. A module that runs more than once in a batch is refused; with
    repeats="concatenate" its tensors are held until the batch ends and observed as one tensor.
    `resume` skips observations that the run already holds.

    End: finish="seal" waits until the records of all ranks are stored, and seals the sessions;
    "wait" only waits. Both wait up to `timeout` seconds. `fusion`, `fuse` and `peers_behind` are as
    in `Session.qparams`. `progress` shows a bar of this process's batches, or is a function that is
    called with the totals after each batch.

    Raises InvalidArgumentError for an invalid argument; FailedPreconditionError if a session has
    no answer, such as an expert without data, or if the run is sealed at another number of batches
    (before the model runs if the number is known); RefusedError after the first batch with a known
    refusal; DeadlineExceededError if records of other ranks do not arrive; and the errors of the
    client. The model is always restored to its previous state.
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
    warn_of_stacked_experts(model, modules)

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
            # Raises errors for refused weights before the model runs.
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
    """The counts at which the sessions are sealed, by name.

    Raises FailedPreconditionError if the expected batches contradict these counts, or the records
    that the sessions hold.
    """
    batches.announce()
    seals = find_seals(client, sessions)
    # Waits for the other ranks only if there is a seal to compare with.
    total = batches.foresee_total() if seals else batches.known_total()
    # No batches: NumberedBatches.settle raises the error.
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
        """Observes every batch of this rank, and returns the number of batches of all ranks.

        Raises RefusedError as soon as a refusal is known.
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
            # Raises errors for refused observations before waiting for the other ranks.
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
            f"dataloader is {shown(dataloader)}; an iterable of batches is allowed"
        )
    check_client(client)


def _check_choice(field: str, value: str, allowed: Sequence[str]) -> None:
    if value not in allowed:
        choices = ", ".join(f'"{choice}"' for choice in allowed)
        raise InvalidArgumentError(f"{field} is {value!r} (allowed: {choices})")
