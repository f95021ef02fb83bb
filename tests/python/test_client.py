"""The client with a server: sessions, observations and queries."""

from __future__ import annotations

import re
import signal
import threading
from contextlib import suppress

import numpy as np
import pytest
import torch

import calipers
from calipers.stream import messages
from server_process import TOP, ServerProcess, start_server
from serving import coverage, read_series

CMAKE = TOP / "CMakeLists.txt"
NAME = "model.layers.0.mlp.down_proj/input"


def batches(count: int, shape: tuple[int, ...] = (2, 3, 8)) -> list[np.ndarray]:
    rng = np.random.default_rng(count)
    return [rng.normal(size=shape).astype(np.float32) for _ in range(count)]


def observe_all(session: calipers.Session, tensors: list[np.ndarray]) -> None:
    for index, tensor in enumerate(tensors):
        session.observe(tensor, index=index)


def test_the_answer_is_the_extreme_of_all(client):
    session = client.session(NAME, args={"strategy": "token"}, observer="static_minmax")
    tensors = batches(7)
    observe_all(session, tensors)
    found = session.minmax()
    together = np.stack(tensors)
    assert found.session == NAME
    assert (found.min.dtype, found.min.shape) == ("F64", (3,))
    np.testing.assert_array_equal(found.min, together.min((0, 1, 3)))
    np.testing.assert_array_equal(found.max, together.max((0, 1, 3)))
    np.testing.assert_array_equal(found.current.min, tensors[-1].min((0, 2)))
    np.testing.assert_array_equal(found.global_.max, [together.max()])
    np.testing.assert_array_equal(found.current_global.max, [tensors[-1].max()])
    np.testing.assert_array_equal(found.global_of_range.min, [together.min()])
    assert found.progress.count == found.progress.contiguous_prefix == 7
    assert found.progress.num_observations == 7 * 6
    assert found.progress.missing == ()


def test_other_folds_of_the_same_records(client):
    session = client.session(NAME, observer="minmax")
    tensors = batches(5)
    observe_all(session, tensors)
    lows = np.array([tensor.min() for tensor in tensors], np.float64)
    assert session.minmax(observer="static_minmax").min.item() == lows.min()
    assert session.minmax(observer="memoryless_minmax").min.item() == lows[-1]
    # An index selects only itself.
    assert session.minmax(observer="memoryless_minmax", exclude=[3]).min.item() == lows[-1]
    assert session.minmax(observer="static_minmax", exclude=[4]).max.item() == max(
        tensor.max() for tensor in tensors[:4]
    )
    assert session.minmax(averaging_constant=1.0, exclude=[range(2, 4), 4]).min.item() == lows[1]
    folded = float(lows[0])
    for low in lows[1:]:
        folded = folded * (1 - 0.5) + float(low) * 0.5
    assert session.minmax(averaging_constant=0.5).min.item() == folded


def test_the_worker_and_the_server_make_the_same_of_a_large_tensor(client, monkeypatch):
    # Pieces are cut between elements.
    monkeypatch.setattr(messages, "PIECE_BYTES", 1001)
    tensor = torch.randn(3, 50, 96, dtype=torch.bfloat16, generator=torch.manual_seed(4))
    args = {"strategy": "group", "group_size": 32}
    client.session(NAME, args=args, reduce_at="server").observe(tensor, index=0)
    client.session(NAME, reduce_at="worker").observe(tensor, index=0)
    assert client.flush().duplicates == 1


def test_a_record_that_is_larger_than_a_message(client):
    weight = np.random.default_rng(6).normal(size=(5_000_000, 1)).astype(np.float32)
    session = client.session("m/weight", args={"strategy": "channel"})
    session.observe(weight, index=0)
    assert client.flush().stored == 1
    np.testing.assert_array_equal(session.minmax().max, weight)


def test_a_copied_tensor_may_change_at_once(client):
    tensor = np.ones((1000, 1000), np.float32)
    session = client.session(NAME, args={}, observer="static_minmax", reduce_at="server")
    for index in range(5):
        tensor[...] = index
        session.observe(tensor, index=index)
    tensor[...] = -1
    found = session.minmax()
    assert (found.min.item(), found.max.item()) == (0, 4)


def test_an_uncopied_tensor_is_sent_from_where_it_lies(client):
    tensor = np.arange(6, dtype=np.int16)
    session = client.session(NAME, args={}, reduce_at="server")
    session.observe(tensor, index=0, copy=False)
    assert session.minmax().max.item() == 5


@pytest.mark.parametrize("reduce_at", ["worker", "server"])
def test_an_empty_observation_counts_and_changes_nothing(client, reduce_at):
    session = client.session(NAME, args={"strategy": "token"}, reduce_at=reduce_at)
    session.observe(np.empty((2, 0, 8), np.float32), index=0)
    assert session.wait(1).folded_count == 0
    with pytest.raises(calipers.DeadlineExceededError):
        session.wait(2, timeout=0.01)
    with pytest.raises(calipers.FailedPreconditionError):
        session.minmax()


# An expert that is idle in its first batch observes an empty tensor in the dtype that its caller
# happens to have.
@pytest.mark.parametrize("reduce_at", ["worker", "server"])
@pytest.mark.parametrize("empty_at", [0, 1])
def test_an_empty_observation_fixes_neither_dtype_nor_shape(client, reduce_at, empty_at):
    session = client.session(NAME, args={"strategy": "token"}, reduce_at=reduce_at)
    session.observe(torch.empty(2, 0, 8), index=empty_at)
    session.observe(torch.ones(2, 3, 8, dtype=torch.bfloat16), index=1 - empty_at)
    assert session.wait(2).folded_count == 1
    (row,) = client.sessions(NAME)
    assert (row.dtype, row.shape) == ("BF16", (3,))
    # A worker that begins again may guess another dtype.
    session.observe(torch.empty(2, 0, 8, dtype=torch.float16), index=empty_at)
    session.wait(2)
    assert client.totals.duplicates == 1


def test_qparams_of_the_sessions_own_args(client):
    args = {"num_bits": 8, "symmetric": False, "strategy": "tensor"}
    session = client.session(NAME, args=args, observer="static_minmax")
    session.observe(np.array([[-1.0, 4.1]], np.float32), index=0)
    found = session.qparams()
    assert found.args is not None
    assert {**found.args, **args} == found.args
    # As in compressed-tensors: (max - min) / 255, and the zero point.
    assert found.scale is not None
    assert found.zero_point is not None
    np.testing.assert_allclose(found.scale.numpy(), [5.1 / 255], rtol=1e-6)
    assert found.zero_point.dtype == "I8"
    assert found.zero_point.numpy().tolist() == [-128 + 50]
    assert found.global_scale is None
    assert found.progress is not None
    assert found.progress.count == 1


def test_qparams_of_a_scheme_and_of_other_args(client):
    session = client.session("m/weight", args={"strategy": "channel"}, observer="static_minmax")
    weight = torch.randn(4, 32, generator=torch.manual_seed(1)).bfloat16()
    session.observe(weight, index=0)
    scale = session.qparams("W8A8").scale
    assert scale is not None
    # Symmetric, 8 bits: the largest magnitude divided by 127.5, in the weight's dtype.
    wanted = (weight.abs().amax(1, keepdim=True).float() / 127.5).bfloat16()
    torch.testing.assert_close(scale.torch(), wanted, rtol=2**-7, atol=0)
    assert scale.torch().dtype is torch.bfloat16
    coarser = session.qparams(args={"num_bits": 4, "strategy": "tensor"})
    assert coarser.scale is not None
    assert coarser.scale.shape == (1,)
    dynamic = session.qparams(args={"strategy": "token", "dynamic": True})
    assert (dynamic.scale, dynamic.progress) == (None, None)


def test_qparams_without_a_range_have_no_progress(client):
    session = client.session(NAME, args={})
    observe_all(session, batches(3))
    # W8A8 computes the scale of an input for every tensor.
    found = session.qparams("W8A8")
    assert found.args is not None
    assert (found.args["dynamic"], found.scale, found.progress) == (True, None, None)
    # The scheme does not quantize inputs.
    left = session.qparams("W4A16")
    assert (left.args, left.progress) == (None, None)
    assert session.progress().count == 3


def test_peers_stand_for_an_expert_that_saw_nothing(client):
    names = [f"mlp.experts.{expert}.up_proj/input" for expert in range(3)]
    sessions = [client.session(name, args={}) for name in names]
    for session in sessions[:2]:
        session.observe(np.ones((1, 4), np.float32), index=0)
    found = sessions[2].qparams(peers_behind=["experts"])
    assert found.fallback_sessions == tuple(names[:2])
    assert found.progress is None
    with pytest.raises(calipers.FailedPreconditionError):
        sessions[2].qparams()


def test_weights_share_a_global_scale(client):
    args = {"strategy": "tensor_group", "group_size": 16, "num_bits": 4, "type": "float"}
    parts = ("query", "key", "value")
    sessions = [client.session(f"attention.{part}/weight", args=args) for part in parts]
    for scale, session in enumerate(sessions, 1):
        session.observe(np.full((2, 16), scale, np.float32), index=0)
    alone = sessions[0].qparams()
    fused = sessions[0].qparams(fuse=[parts])
    assert alone.fused_sessions == ()
    assert set(fused.fused_sessions) == {session.name for session in sessions}
    assert fused.global_scale == sessions[2].qparams(fusion="none").global_scale


def test_wait_sees_what_other_workers_bring(server, client):
    session = client.session(NAME, args={})
    with calipers.connect(server.address, run=client.run, worker="other") as other:
        found: list[calipers.Progress] = []
        waiting = threading.Thread(target=lambda: found.append(session.wait(3)))
        waiting.start()
        observe_all(other.session(NAME), batches(3))
        other.flush()
        waiting.join(20)
    assert found[0].count == 3
    (seen,) = coverage(server.address, client.run).workers
    assert (seen.worker, seen.batches) == ("other", 3)


def test_wait_is_over_after_its_timeout(client):
    session = client.session(NAME, args={})
    session.observe(np.ones((1, 2), np.float32), index=5)
    expected = f"{NAME} does not hold 2 records: "
    with pytest.raises(calipers.DeadlineExceededError, match=expected) as late:
        session.wait(2, timeout=0.05)
    assert isinstance(late.value, TimeoutError)
    assert session.progress().missing == (range(5),)


def test_a_timeout_holds_for_what_is_still_to_be_sent(tmp_path):
    server = start_server(tmp_path)
    client = calipers.connect(server.address)
    session = client.session(NAME, args={})
    server.process.send_signal(signal.SIGSTOP)
    session.observe(batches(1)[0], index=0)
    with pytest.raises(calipers.DeadlineExceededError, match="1 observation is not ack"):
        session.minmax(timeout=0.05)
    server.process.send_signal(signal.SIGCONT)
    assert session.minmax().progress.count == 1
    client.close()
    server.stop()


def test_seal(client):
    session = client.session(NAME, args={})
    observe_all(session, batches(3))
    expected = f"^{NAME} is not sealed: of records 0 to 3 these are missing: 3"
    with pytest.raises(calipers.FailedPreconditionError, match=expected):
        session.seal(4)
    with pytest.raises(calipers.InvalidArgumentError, match=f"^{NAME} is not sealed: count is 0"):
        session.seal(0)
    assert session.seal(3) == session.seal() == 3
    with pytest.raises(
        calipers.FailedPreconditionError, match=f"^{NAME} is not sealed: count is 4"
    ):
        session.seal(4)
    session.observe(batches(1)[0], index=3)
    with pytest.raises(calipers.RefusedError, match="sealed"):
        client.flush()


def test_a_session_is_opened_as_it_was_created(client):
    args = {"num_bits": 4, "strategy": "group", "group_size": 4, "symmetric": False}
    created = client.session(NAME, args=args, observer="static_minmax", arithmetic="reference")
    assert created.args == {
        **args,
        "type": "int",
        "dynamic": False,
        "observer": "static_minmax",
        "observer_kwargs": {"averaging_constant": 0.01},
    }
    opened = client.session(NAME)
    assert (opened.name, opened.args) == (NAME, created.args)
    # Inferred args are accepted again.
    assert client.session(NAME, args=opened.args, arithmetic="reference").args == created.args
    # Reference arithmetic collapses a 2-D input to one range.
    opened.observe(np.arange(8, dtype=np.float32).reshape(2, 4), index=0)
    assert opened.minmax().min.shape == ()


def test_what_is_not_finite(client, server):
    tensor = np.array([[1, np.nan, np.inf]], np.float32)
    skipping = client.session("skip/input", args={}, non_finite="skip")
    rejecting = client.session("reject/input", args={}, non_finite="reject")
    skipping.observe(tensor, index=0)
    assert skipping.progress().folded_count == 0
    rejecting.observe(tensor, index=0)
    with pytest.raises(calipers.RefusedError, match="rejected"):
        client.flush()
    (record,) = read_series(server.address, client.run, "skip/input")
    assert np.isnan(np.frombuffer(record.observation.min, np.float32))


def test_records_may_be_weighted_by_num_observations(client):
    session = client.session(
        NAME, args={"observer_kwargs": {"averaging_constant": 0.5}}, weighting="num_observations"
    )
    session.observe(np.zeros((1, 2), np.float32), index=0)
    session.observe(np.full((2, 2), 8, np.float32), index=1)
    assert session.minmax().min.item() == 8 * 0.75


def test_sessions_as_a_table(client):
    for layer in (0, 1):
        client.session(f"model.layers.{layer}/weight", args={"strategy": "channel"})
        client.session(f"model.layers.{layer}/input", args={}).observe(
            np.ones((1, 2), np.float16), index=layer
        )
    table = client.sessions("model.layers.*/input")
    assert [row.session for row in table] == ["model.layers.0/input", "model.layers.1/input"]
    assert table[1] == calipers.SessionRow(
        session="model.layers.1/input",
        strategy="tensor",
        observer="minmax",
        dtype="F16",
        shape=(1,),
        count=1,
        missing=1,
        sealed=None,
    )
    assert len(client.sessions()) == 4
    assert len(client.sessions("nothing")) == 0
    frame = table.to_pandas()
    assert frame.loc["model.layers.1/input", "missing"] == 1
    assert str(table[:1]).splitlines() == [
        "session               strategy  observer  dtype  shape  count  missing  sealed",
        "model.layers.0/input  tensor    minmax    F16    [1]        1        0       -",
    ]


def test_more_sessions_than_a_page(client):
    for number in range(1005):
        client.session(f"m{number}/input", args={})
    assert len({row.session for row in client.sessions()}) == 1005


def test_repr_and_version_of_a_client(client, server):
    assert repr(client) == f"Client({server.address!r}, run={client.run!r})"
    versions = re.findall(r"project\(calipers VERSION (\S+)", CMAKE.read_text())
    assert versions == [calipers.__version__]


def test_many_threads_may_observe(server, client):
    sessions = [client.session(f"m{number}/input", args={}) for number in range(8)]
    tensors = batches(50)
    threads = [threading.Thread(target=observe_all, args=(each, tensors)) for each in sessions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    totals = client.flush()
    assert (totals.observed, totals.stored) == (400, 400)
    assert len({session.minmax().range.min.data for session in sessions}) == 1


def test_a_progress_bar_counts(server, capsys):
    seen: list[calipers.Totals] = []
    for progress in ("tqdm", "rich", seen.append):
        run = f"bar-{getattr(progress, '__name__', progress)}"
        with calipers.connect(server.address, run=run, progress=progress) as client:
            observe_all(client.session(NAME, args={}), batches(20))
            client.flush()
    assert seen[-1].stored == 20
    shown = capsys.readouterr()
    assert "20/20" in shown.err
    assert "20/20" in shown.out


def test_the_environment_says_where_and_which_run(server, monkeypatch):
    monkeypatch.setenv("CALIPERS_SERVER", server.address)
    monkeypatch.setenv("CALIPERS_RUN", "from-the-environment")
    with calipers.connect() as client:
        assert client.run == "from-the-environment"
        client.session(NAME, args={})
    with calipers.connect(run="given") as client:
        assert client.run == "given"


def test_a_block_that_ends_flushes(server: ServerProcess):
    with calipers.connect(server.address, run="block") as client:
        observe_all(client.session(NAME, args={}), batches(5))
    assert len(read_series(server.address, "block", NAME)) == 5


def test_leaving_a_with_block_by_an_exception_does_not_wait(tmp_path):
    server = start_server(tmp_path)
    client = calipers.connect(server.address)
    session = client.session(NAME, args={})
    server.process.send_signal(signal.SIGSTOP)

    def leave() -> None:
        with suppress(ZeroDivisionError), client:
            observe_all(session, batches(5))
            raise ZeroDivisionError

    leaving = threading.Thread(target=leave, daemon=True)
    leaving.start()
    leaving.join(20)
    left = leaving.is_alive()
    server.stop(signal.SIGKILL)
    assert not left
    assert client.totals.acknowledged == 0


def test_a_deleted_client_warns_about_unacknowledged_records(server: ServerProcess):
    options = calipers.WindowOptions(linger_seconds=3600)
    client = calipers.connect(server.address, run="leaves", window=options)
    client.session(NAME, args={}).observe(batches(1)[0], index=0)
    with pytest.warns(RuntimeWarning, match="1 observation not acknowledged"):
        del client


def test_nan_is_told_once_with_session_and_batch(client, caplog):
    session = client.session(NAME, args={})
    session.observe(np.ones((1, 2), np.float32), index=0)
    session.observe(np.array([[1, np.inf]], np.float32), index=3)
    session.observe(np.array([[np.nan, 1]], np.float32), index=4)
    (told,) = caplog.messages
    assert told.startswith(f"{NAME}: the observation at index 3 holds NaN or infinity")
    assert "exclude=[3]" in told
    skipping = client.session("other/input", args={}, non_finite="skip")
    skipping.observe(np.array([[np.nan, 1]], np.float32), index=0)
    client.flush()
    assert len(caplog.messages) == 1
