"""Every reducer gives the same record, bit for bit."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

import calipers
from calipers._wire import observation_pb2
from calipers.dtypes import Dtype
from calipers.errors import InvalidArgumentError, RefusedError
from calipers.geometry import Layout, make_view
from calipers.reduce import reduce_tensor
from calipers.reduce.device import reduce_device
from calipers.stream import RawTensor
from calipers.tensors import DeviceTensor, HostTensor
from server_process import ServerProcess
from serving import read_series
from tensors_any import Case, bits, cases, torch_tensor

RUN = "same-bits"
_numbers = itertools.count()


@pytest.fixture(scope="module")
def clients(server: ServerProcess):
    """A client that reduces tensors, and a client that sends them to the server."""
    with (
        calipers.connect(server.address, run=RUN) as worker,
        calipers.connect(server.address, run=RUN, reduce_at="server") as raw,
    ):
        yield worker, raw


def layout_of(case: Case) -> Layout:
    return Layout(
        base_name=case.base_name,
        strategy=case.args["strategy"],
        group_size=case.args.get("group_size", 0),
        block_structure=tuple(case.args.get("block_structure", ())),
        reference=case.arithmetic == "reference",
    )


def open_in(client: calipers.Client, name: str, case: Case) -> calipers.Session:
    return client.session(name, args=case.args, arithmetic=case.arithmetic)


def send_raw(client: calipers.Client, name: str, tensor: HostTensor) -> None:
    """Sends the tensor to the server without any check."""
    header = observation_pb2.ObservationHeader(
        session=f"runs/{RUN}/sessions/{name}",
        index=0,
        dtype=tensor.dtype.value,
        shape=tensor.shape,
    )
    client._window.put(RawTensor(header, tensor.to_bytes(copy=True)))
    client.flush()


@settings(max_examples=400, deadline=None)
@given(case=cases())
def test_a_record_made_here_is_the_one_that_the_server_makes(clients, server, case: Case):
    worker, raw = clients
    name = f"m{next(_numbers)}/{case.base_name}"
    session = worker.session(name, args=case.args, arithmetic=case.arithmetic)
    tensor = torch_tensor(case.tensor)
    try:
        send_raw(raw, name, case.tensor)
    except RefusedError:
        event("refused")
        with pytest.raises(InvalidArgumentError):
            session.observe(tensor, index=0)
        return
    before = worker.totals.duplicates
    session.observe(tensor, index=0)
    # The server compares digests of records, so an equal record is a duplicate.
    assert worker.flush().duplicates == before + 1
    (record,) = read_series(server.address, RUN, name)
    kept = record.observation
    made = reduce_tensor(case.tensor, make_view(layout_of(case), case.tensor.shape))
    event("padded" if made.global_min else "plain" if made.min else "empty")
    assert (made.min, made.max) == (kept.min, kept.max)
    if made.global_min:
        assert (made.global_min, made.global_max) == (kept.global_min, kept.global_max)


@settings(max_examples=300, deadline=None)
@given(case=cases())
def test_a_record_made_on_a_device_is_the_same(case: Case):
    try:
        view = make_view(layout_of(case), case.tensor.shape)
    except InvalidArgumentError:
        assume(False)
    assume(view.num_elements > 0)
    tensor = DeviceTensor(case.tensor.dtype, torch_tensor(case.tensor))
    assert reduce_device(tensor, view) == reduce_tensor(case.tensor, view)


@st.composite
def series(draw: st.DrawFn) -> list[HostTensor]:
    """A few batches of one shape and dtype."""
    dtype = draw(st.sampled_from(list(Dtype)))
    shape = tuple(draw(st.lists(st.integers(1, 6), min_size=3, max_size=3)))
    count = draw(st.integers(1, 6))
    return [HostTensor(dtype, draw(bits(dtype, shape))) for _ in range(count)]


@settings(max_examples=60, deadline=None)
@given(batches=series(), data=st.data())
def test_any_split_over_workers_in_any_order_gives_the_same_answer(clients, batches, data):
    worker, raw = clients
    args = {"strategy": "token"}
    one, many = (f"m{next(_numbers)}/output" for _ in range(2))
    in_order = worker.session(one, args=args)
    for index, batch in enumerate(batches):
        in_order.observe(torch_tensor(batch), index=index)
    # Some batches are sent twice.
    order = data.draw(st.permutations([*range(len(batches)), 0]))
    whose = [client.session(many, args=args) for client in (worker, raw)]
    for index in order:
        session = data.draw(st.sampled_from(whose))
        session.observe(torch_tensor(batches[index]), index=index)
    worker.flush()
    raw.flush()
    found = [client.session(name).minmax() for client, name in ((worker, one), (raw, many))]
    first, second = (
        (answer.range, answer.current, answer.global_, answer.global_of_range, answer.progress)
        for answer in found
    )
    assert first == second
