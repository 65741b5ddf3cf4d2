"""What a thread or a task is doing: recording or not, in which scope, on the watch for NaN, keeping lines."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn


def leaf(value, dtype=np.float64, **options):
    return tg.Tensor(np.asarray(value, dtype), requires_grad=True, **options)


def recorded(*tensors):
    """Whether each of them was recorded."""
    return [t.requires_grad for t in tensors]


# Modes


def test_no_grad_as_context_and_decorator():
    x = leaf(2)

    @tg.no_grad()
    def quiet():
        return x * x, tg.is_grad_enabled()

    with tg.no_grad():
        inside = x * x
        with tg.enable_grad():
            again = x * x
        after = x * x
    assert recorded(inside, again, after, x * x) == [False, True, False, True]
    assert quiet()[1] is False
    assert recorded(quiet()[0]) == [False]
    assert inside.is_leaf
    assert inside.inputs == ()


def test_no_grad_ends_with_an_error_and_may_be_entered_twice():
    x, switch = leaf(2), tg.no_grad()
    with pytest.raises(ZeroDivisionError), switch, switch:
        1 / 0  # noqa: B018
    assert recorded(x * x) == [True]


def test_no_grad_on_a_generator_says_what_to_do():
    with pytest.raises(TypeError, match="with"):

        @tg.no_grad()
        def numbers():
            yield 1


def test_threads_do_not_share_modes():
    x, entered, leave = leaf(2), threading.Event(), threading.Event()
    found = {}

    def quiet():
        with tg.no_grad(), tg.scope("thread"):
            entered.set()
            assert leave.wait(10)
            found["inside"] = x * x

    thread = threading.Thread(target=quiet)
    thread.start()
    assert entered.wait(10)
    here = x * x
    leave.set()
    thread.join()
    assert recorded(here, found["inside"]) == [True, False]
    assert next(tg.backward_steps(here)).scope is None


def test_asyncio_tasks_do_not_share_modes():
    x = leaf(2)

    async def task(name, mode):
        with mode, tg.scope(name):
            await asyncio.sleep(0)
            y = x * x
            await asyncio.sleep(0)
            return y

    @tg.no_grad()
    async def quiet():
        await asyncio.sleep(0)
        return x * x

    async def both():
        return await asyncio.gather(
            task("a", tg.no_grad()), task("b", tg.enable_grad()), quiet(), task("c", tg.no_grad())
        )

    with ThreadPoolExecutor(1) as pool:  # the browser of another test may have a loop in this thread
        a, b, q, c = pool.submit(asyncio.run, both()).result()
    assert recorded(a, b, q, c, x * x) == [False, True, False, False, True]
    assert next(tg.backward_steps(b)).scope.path == "b"


def test_many_threads_backpropagate_at_once():
    x = leaf(np.arange(4.0))
    found = []

    def work():
        found.extend([tg.grad((tg.exp(x) * x).sum(), x).data for _ in range(50)])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 200
    for g in found:
        np.testing.assert_allclose(g, np.exp(x.data) * (1 + x.data))


def test_backward_inside_no_grad_works():
    x = leaf(3)
    y = x * x
    with tg.no_grad():
        y.backward()
        x.data -= 0.1 * x.grad
    assert x.data == pytest.approx(2.4)
    with tg.no_grad():
        g = tg.grad(y, x)
    assert g.item() == 6


def test_detach_cuts_the_way_back():
    x = leaf(3)
    y = x * x
    (y.detach() * x).backward()
    assert x.grad.item() == 9


def test_scope_names_what_is_recorded():
    x = leaf([[1.0, 2]])
    with tg.scope("encoder"):
        with tg.scope("inner"):
            h = x * 2
        y = h + 1
    z = y.sum()
    scopes = [step.scope for step in tg.backward_steps(z)]
    assert [scope and scope.path for scope in scopes] == [None, "encoder", "encoder.inner"]
    with pytest.raises(TypeError, match="string"), tg.scope(3):
        pass
    with pytest.raises(ZeroDivisionError), tg.scope("a"):
        1 / 0  # noqa: B018
    assert next(tg.backward_steps(x * 2, np.ones((1, 2)))).scope is None


def test_modules_are_scopes_by_their_place():
    model = nn.Sequential(nn.Linear(2, 3), nn.Sigmoid())
    paths = [step.scope.path for step in tg.backward_steps(model(leaf([[1, 2]])).sum()) if step.scope]
    assert paths[0].startswith("Sequential.1")
    assert paths[-1].startswith("Sequential.0")


# detect_anomaly


@pytest.mark.parametrize(("make", "said"), [
    (lambda x: tg.log(x), ["log", "Inf", "index [1]", "'x'"]), (lambda x: tg.sqrt(x - 1), ["sqrt", "NaN"]),
    (lambda x: tg.exp(x * 1e4), ["exp", "Inf"]), (lambda x: x / x, ["divide", "NaN"]),
])  # fmt: skip
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_anomaly_forward_names_the_op(make, said):
    x = leaf([1, 0], name="x")
    with tg.detect_anomaly(), pytest.raises(tg.AnomalyError) as caught:
        make(x)
    message = str(caught.value)
    assert all(part in message for part in said), message
    assert "test_modes.py" in message
    make(x)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_anomaly_backward_names_the_rule():
    x = leaf([0, 4], name="x")
    loss = (tg.sqrt(x) * 2).sum()
    with tg.detect_anomaly(), pytest.raises(RuntimeError, match=r"sqrt.*Inf.*sqrt_dx.*index \[0\]"):
        loss.backward()
    assert x.grad is None
    with tg.detect_anomaly(), pytest.raises(tg.AnomalyError, match="sqrt"):
        tg.grad(loss, x, create_graph=True)
    loss.backward()
    np.testing.assert_array_equal(x.grad.data, [np.inf, 0.5])


def test_anomaly_says_in_which_scope():
    with tg.detect_anomaly(), tg.scope("head"), np.errstate(all="ignore"), pytest.raises(tg.AnomalyError, match="head"):
        tg.log(leaf(0))


def test_healthy_numbers_pass_the_anomaly_check():
    x = leaf([1, 2])
    with tg.detect_anomaly():
        (tg.log(x) * x).sum().backward()
    np.testing.assert_allclose(x.grad.data, np.log([1, 2]) + 1)


def test_lines_are_recorded_when_asked_for():
    x = leaf(2)
    with tg.record_lines():
        y = x * x
    (step,) = tg.backward_steps(y)
    assert step.line[0].endswith("test_modes.py")
    assert "y = x * x" in Path(step.line[0]).read_text().splitlines()[step.line[1] - 1]
    assert next(tg.backward_steps(x * x)).line is None


def test_the_names_of_many_modules_are_looked_up_once(monkeypatch):
    walks = []
    walk = nn.Module.named_modules
    monkeypatch.setattr(nn.Module, "named_modules", lambda module, prefix="": walks.append(module) or walk(module))
    model = nn.Sequential(*[nn.ReLU() for _ in range(30)], nn.Sequential(nn.Tanh()))
    y = model(tg.Tensor([1.0], requires_grad=True))
    paths = []
    while y.inputs:
        paths.append(y._scope.path)
        y = y.inputs[0]
    assert paths == ["Sequential.30.0", *[f"Sequential.{i}" for i in reversed(range(30))]]
    assert len(walks) == 2
