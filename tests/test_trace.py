"""``tg.graph``: the frozen picture of a graph, complete, the same in every run, and nothing touched."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.engine.trace.snapshot import snapshot
from tinygrad_edu.engine.trace.tracing import Snapshot, Trace
from tinygrad_edu.models import example


def leaf(value, name=None, dtype=np.float64):
    return tg.Tensor(np.asarray(value, dtype), requires_grad=True, name=name)


def by_name(trace):
    return {value.name: value for value in trace.values if value.name}


@pytest.fixture
def x():
    return leaf(3, "x")


# Its shape: ids, edges, values, calls


@pytest.mark.parametrize("name", ["circuit", "neuron", "two_layer_net"])
def test_ids_run_from_0_in_the_order_of_creation(name):
    trace = tg.graph(example(name)[0])
    assert [node.id for node in trace.nodes] == list(range(len(trace)))
    assert len(trace) == len(trace.values) + len(trace.calls)
    for edge in trace.edges:
        assert edge.source < edge.target
    assert [call.op for call in trace.calls][-1] == "multiply" or name != "two_layer_net"
    assert [region.id for region in trace.scopes] == list(range(len(trace.scopes)))


def test_nodes_come_in_the_order_in_which_they_were_made(x):
    y = x + 1
    z = x * 2
    assert [call.op for call in tg.graph([z, y]).calls] == ["add", "multiply"]
    assert [call.op for call in tg.graph([y, z]).calls] == ["add", "multiply"]


def test_both_edges_of_x_times_x_are_there(x):
    trace = tg.graph(x * x)
    assert [(edge.source, edge.target, edge.position) for edge in trace.edges] == [(0, 1, 0), (0, 1, 1), (1, 2, None)]
    assert trace.calls[0].inputs == (0, 0)
    assert trace.values[0].used == 2
    assert [piece.data for piece in trace.steps[0].contributions] == [(3.0,), (3.0,)]


def test_values_and_calls_say_what_they_are(x):
    t = tg.Tensor([1.0, 2.0], name="t")
    y = (x * t + 1).sum()
    y.name = "y"
    trace = tg.graph(y)
    assert [(v.kind, v.name) for v in trace.values] == [
        ("parameter", "x"), ("input", "t"), ("intermediate", "v1"), ("constant", None), ("intermediate", "v2"),
        ("output", "y"),
    ]  # fmt: skip
    assert trace.outputs == (trace.values[-1].id,)
    assert [(c.op, c.symbol, c.input_names) for c in trace.calls] == [
        ("multiply", "·", ("x", "y")), ("add", "+", ("x", "y")), ("sum", "Σ", ("x",)),
    ]  # fmt: skip
    assert [c.formula for c in trace.calls] == ["x · t", "v1 + 1", "Σ(v2)"]
    assert [trace.nodes[v.made_by].output for v in trace.values if v.made_by is not None] == [2 + 1, 6, 8]


def test_formulas_have_the_numbers_of_scalars(x):
    y = x * leaf(-2, "w")
    trace = tg.graph(y)
    assert trace.calls[0].numbers == "3 · (−2) = −6"
    assert trace.steps[0].formulas == ("ḡ · w", "ḡ · x")
    assert trace.steps[0].numbers == ("1 · (−2) = −2", "1 · 3 = 3")


def test_a_sum_over_broadcast_axes_is_told():
    b = leaf([1, 2, 3], "b")
    trace = tg.graph((leaf(np.ones((32, 3)), "h") + b).sum())
    assert trace.steps[-1].summed == (None, (32, 3))
    assert trace.steps[-1].contributions[1].data == (32.0, 32.0, 32.0)


def test_parts_are_kept_whole_when_small_and_in_summary_when_large(rng):
    trace = tg.graph(leaf(rng.standard_normal((784, 128)), "W").sum())
    data = trace.values[0].data
    assert isinstance(data, Snapshot)
    assert data.data is None
    assert (len(data.image), len(data.image[0])) == (24, 24)
    assert tg.graph(leaf(np.ones((6, 6))).sum()).values[0].data.data == (1.0,) * 36
    assert tg.graph(leaf(np.ones((6, 6))).sum(), full=35).values[0].data.data is None


@pytest.mark.parametrize(("numbers", "fields"), [
    ([1.0, -2.0, 0.0], {"low": -2.0, "high": 1.0, "mean": -1 / 3, "zeros": 1, "nans": 0}),
    ([np.nan, 2.0, np.inf], {"low": 2.0, "high": 2.0, "mean": 2.0, "zeros": 0, "nans": 2}),
    (np.zeros((0, 3)), {"zeros": 0, "nans": 0, "data": (), "shape": (0, 3)}),
    (True, {"data": (1.0,), "dtype": "bool"}),
    (np.float32(0.5), {"data": (0.5,), "dtype": "float32", "shape": ()}),
])  # fmt: skip
def test_a_snapshot_counts_what_is_there(numbers, fields):
    found = tg.graph(tg.Tensor(numbers)).values[0].data
    assert {name: getattr(found, name) for name in fields} == fields


def test_a_large_array_with_no_finite_number_has_a_snapshot():
    found = tg.graph(tg.Tensor(np.full(100, np.nan))).values[0].data
    assert found.nans == 100
    assert np.isnan(found.low)


# Frozen, and the same in every run


def test_nothing_in_a_trace_can_be_changed():
    trace = tg.graph(example("two_layer_net")[0])
    for thing in (trace, trace.values[0], trace.calls[0], trace.scopes[0], trace.steps[0], trace.values[0].data):
        for field in dataclasses.fields(thing):
            with pytest.raises(dataclasses.FrozenInstanceError):
                setattr(thing, field.name, None)
    for parts in (trace.values, trace.calls, trace.scopes, trace.steps, trace.nodes, trace.edges, trace.outputs):
        assert isinstance(parts, tuple)


def test_a_trace_keeps_the_numbers_of_its_time():
    x = leaf([1, 2], "x")
    y = x.sum()
    trace = tg.graph(y)
    x.data[0] = 99
    assert trace.values[0].data.data == (1.0, 2.0)


def test_to_dict_is_plain_and_json_able():
    trace = tg.graph(example("two_layer_net")[0])
    plain = trace.to_dict()
    text = json.dumps(plain, allow_nan=False)
    assert set(plain) == {"values", "calls", "scopes", "steps", "outputs", "note"}
    assert len(json.loads(text)["calls"]) == len(trace.calls)


def test_two_processes_give_the_same_trace():
    program = (
        "import json, tinygrad_edu as tg\n"
        "for name in ('circuit', 'neuron', 'two_layer_net'):\n"
        "    print(json.dumps(tg.graph(tg.models.example(name)[0]).to_dict()))\n"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", program], capture_output=True, check=True, env={**os.environ, "PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("1", "2")
    ]
    assert runs[0] == runs[1]
    assert runs[0].decode().splitlines()[0] == json.dumps(tg.graph(example("circuit")[0]).to_dict())


# Gradients


def test_gradients_are_there_before_backward_and_nothing_is_touched():
    loss, leaves = example("circuit")
    before = {name: (value.grad, value.data.copy(), value._written) for name, value in leaves.items()}
    trace = tg.graph(loss)
    assert {v.name: v.gradient.data for v in trace.values} == {
        "x": (-4.0,), "y": (-4.0,), "q": (-4.0,), "z": (3.0,), "f": (1.0,),
    }  # fmt: skip
    for name, value in leaves.items():
        assert (value.grad, value.data, value._written) == before[name]
    assert loss.grad is None


def test_gradients_are_those_of_this_pass_and_the_stored_one_is_shown_where_it_holds_more(x):
    y = x * x
    y.backward()
    assert tg.graph(y).values[0].stored_gradient is None
    y.backward()
    value = tg.graph(y).values[0]
    assert value.gradient.data == (6.0,)
    assert value.stored_gradient.data == (12.0,)
    assert x.grad.item() == 12


def test_hooks_run_in_the_pass_and_no_gradient_is_kept(x):
    seen = []
    x.register_hook(seen.append)
    y = x * x
    assert tg.graph(y).values[0].gradient.data == (6.0,)
    assert x.grad is None


def test_a_value_used_five_times_gets_the_sum_of_five(x):
    trace = tg.graph(x + x + x + x + x)
    assert by_name(trace)["x"].gradient.data == (5.0,)
    assert by_name(trace)["x"].used == 5


def test_float32_stays_float32():
    trace = tg.graph((leaf([1, 2], "x", np.float32) * 2).sum())
    assert {v.gradient.dtype for v in trace.values if v.gradient} == {"float32"}


@pytest.mark.parametrize(("make", "said"), [
    (lambda: leaf([1, 2]) * 2, ["shape (2,)", "gradient="]),
    (lambda: tg.Tensor(2.0) * 3, ["requires_grad"]),
    (lambda: [leaf(1) * 2, tg.Tensor(2.0)], ["one of the outputs"]),
    (lambda: [leaf(1) * 2, leaf([1, 2]) * 2], ["shape (2,)"]),
])  # fmt: skip
def test_without_gradients_a_note_says_why_and_no_value_has_any(make, said):
    trace = tg.graph(make())
    assert all(part in trace.note for part in said), trace.note
    assert trace.steps == ()
    assert all(value.gradient is None for value in trace.values)
    assert trace.values


def test_a_gradient_for_an_output_of_many_numbers(x):
    trace = tg.graph(x * [1.0, 2.0], gradient=[10.0, 1.0])
    assert trace.note == ""
    assert by_name(trace)["x"].gradient.data == (12.0,)
    with pytest.raises(ValueError, match=r"\(3,\)"):
        tg.graph(x * [1.0, 2.0], gradient=[1.0, 2.0, 3.0])


def test_a_list_of_outputs_is_one_trace_with_the_sum_of_their_gradients(x):
    trace = tg.graph([x * 2, x * 3])
    assert len(trace.outputs) == 2
    assert by_name(trace)["x"].gradient.data == (5.0,)
    assert tg.graph([x * 2, x * 3], gradient=[1.0, 10.0]).values[0].gradient.data == (32.0,)
    same = x * 2
    assert tg.graph([same, same]).values[0].gradient.data == (4.0,)


def test_a_graph_without_its_backward_pass(x):
    trace = tg.graph(x * x, backward=False, formulas=False)
    assert "not asked" in trace.note
    assert (trace.steps, trace.calls[0].formula) == ((), "")


@pytest.mark.parametrize("wrong", [3, "x", None, [1.0], [leaf(1), 2], np.ones(2)], ids=repr)
def test_what_is_no_tensor_is_refused(wrong):
    with pytest.raises(TypeError, match="graph: wanted a Tensor"):
        tg.graph(wrong)


# The call that failed


def test_a_failed_call_has_its_inputs_its_message_and_the_users_line():
    a, b = leaf(np.ones((2, 3)), "a"), leaf(np.ones((2, 3)), "b")
    with pytest.raises(ValueError, match="matmul") as caught:
        (a * 2) @ b
    trace = tg.graph(caught.value.graph)
    assert [call.op for call in trace.calls] == ["multiply", "matmul"]
    failed = trace.calls[-1]
    assert failed.output is None
    assert failed.failure == str(caught.value)
    assert failed.line[0] == __file__
    assert (trace.outputs, trace.steps) == ((), ())
    assert "failed" in trace.note
    assert [trace.nodes[i].data.shape for i in failed.inputs] == [(2, 3), (2, 3)]
    assert all(value.gradient is None for value in trace.values)
    assert [node.id for node in trace.nodes] == list(range(len(trace)))


# Scopes and regions


def test_scopes_nest_and_have_paths(x):
    with tg.scope("outer"):
        h = x * 2
        with tg.scope("inner"):
            y = h + 1
    trace = tg.graph(y)
    assert [(r.kind, r.path, r.parent) for r in trace.scopes] == [
        ("scope", "outer", None), ("scope", "outer.inner", 0),
    ]  # fmt: skip
    assert [call.region for call in trace.calls] == [0, 1]


def test_modules_and_composites_are_regions_with_formulas():
    trace = tg.graph(example("two_layer_net")[0])
    assert [(r.kind, r.path) for r in trace.scopes] == [
        ("module", "TwoLayerNet"), ("module", "TwoLayerNet.hidden"), ("composite", "TwoLayerNet.hidden.linear"),
        ("module", "TwoLayerNet.squash"), ("module", "TwoLayerNet.output"),
        ("composite", "TwoLayerNet.output.linear"), ("module", "TwoLayerNet.answer"),
    ]  # fmt: skip
    linear = trace.scopes[2]
    assert linear.formula == "x @ W1ᵀ + b1"
    words = {trace.nodes[i].name: text for i, text in linear.gradient_formulas}
    assert words == {"b1": "Σ(ḡ, axis=0)", "W1": "ḡᵀ @ x"}
    assert trace.scopes[1].label == "Linear(2, 3)"


def test_a_module_called_twice_is_two_regions_of_one_owner(rng):
    layer = nn.Linear(2, 2, rng=rng)
    trace = tg.graph(layer(layer(np.ones((1, 2), np.float32))).sum())
    modules = [r for r in trace.scopes if r.kind == "module"]
    assert [r.owner for r in modules] == [0, 0]
    assert {v.name for v in trace.values if v.kind == "parameter"} == {"weight", "bias"}


def test_lines_are_kept_when_asked_for(x):
    assert tg.graph(x * 2).calls[0].line is None
    with tg.record_lines():
        y = x * 2
    assert tg.graph(y).calls[0].line[0] == __file__


def test_a_chain_of_20000_ops_is_traced_without_recursion(x):
    y = x
    for _ in range(20_000):
        y = y + 1
    trace = tg.graph(y, formulas=False)
    assert isinstance(trace, Trace)
    assert len(trace.calls) == 20_000
    assert trace.values[0].gradient.data == (1.0,)


def test_the_small_image_of_images_is_the_first_plane(rng):
    x = rng.standard_normal((2, 3, 5, 4))
    seen = snapshot(x)
    np.testing.assert_array_equal(seen.image, x[0, 0])
    assert seen.planes == 6
    pixels = snapshot(rng.standard_normal((2, 30, 1, 1)))
    assert np.shape(pixels.image) == (2, 24)
    assert snapshot(rng.standard_normal((50, 3))).planes == 1
    assert snapshot(x[:1, :1]).planes == 1  # few enough to be printed
