"""The stepper's recording: its steps, its numbers, its ledger; every state of one picture; strict JSON."""

from __future__ import annotations

import json
import math
import re
from xml.etree import ElementTree

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import functional as F
from tinygrad_edu.models import example
from viz.output.render import bundled_program
from viz.stepper import Recording, record, step
from viz.stepper.phrases import PYTORCH, phrase
from viz.stepper.shell import packed, still
from viz.style.escape import plain_text

pytestmark = pytest.mark.skipif(bundled_program() is None, reason="graphviz-pure has no wheel here")
HOSTILE = "</script><img src=x onerror=\"document.title='hacked'\">{{key}}\u2028\\"


def diamond():
    a = tg.Tensor(3.0, requires_grad=True, name="a")
    b = 2 * a
    b.name = "b"
    e = (b + 1) + 3 * b
    e.name = "e"
    return e


def lenet(rng):
    tg.manual_seed(0)
    x = tg.Tensor(rng.standard_normal((1, 1, 28, 28)).astype(np.float32), name="x")
    return F.cross_entropy(tg.models.lenet5()(x), np.array([3]))


def numbers(recording: Recording, k: int):
    array = recording.arrays[k]
    return np.array([float(v) for v in array["d"]]).reshape(array["s"])


def cards(recording: Recording, level: str, phase: str | None = None):
    found = next(one for one in recording.levels if one.name == level)
    return [recording.cards[s["card"]] for s in found.steps if phase in (None, s["p"])]


def text(tree):
    """A formula's tree as text."""
    return tree[1:] if isinstance(tree, str) else " ".join(text(part) for part in tree[1:])


# Steps


def test_steps_run_forward_in_order_and_back_newest_first():
    recording = record(diamond(), levels="primitive", level="primitive")
    (level,) = recording.levels
    assert [s["p"] for s in level.steps] == ["start", *["forward"] * 4, "seed", *["backward"] * 4, "end"]
    titles = [card["t"] for card in cards(recording, "primitive")]
    assert titles[1:5] == ["multiply #1", "add #2", "multiply #3", "add #4"]
    assert titles[6:10] == titles[4:0:-1]
    assert [s["card"] for s in level.steps] == sorted({s["card"] for s in level.steps})


def test_the_ledger_adds_the_parts_in_the_order_of_arrival():
    recording = record(diamond())
    back = cards(recording, "op", "backward")
    first, second = (card["led"][0] for card in back if card["t"] in ("multiply #3", "add #2"))
    assert [who for who, _ in first["parts"]] == ["multiply #3", "add #2"]
    assert [numbers(recording, k).item() for _, k in first["parts"]] == [3.0, 1.0]
    assert (first["n"], second["n"]) == (1, 2)
    assert numbers(recording, second["a"]).item() == 4.0
    (whole,) = cards(recording, "op", "end")[0]["all"]
    assert numbers(recording, whole[1]).item() == 8.0


def test_both_operands_of_a_square_are_in_the_ledger():
    x = tg.Tensor(3.0, requires_grad=True, name="x")
    recording = record(x * x)
    (card,) = cards(recording, "op", "backward")
    assert [numbers(recording, k).item() for _, k in card["led"][0]["parts"]] == [3.0, 3.0]
    assert card["led"][0]["n"] == 2


def test_cards_say_formula_numbers_shapes_and_the_local_derivative():
    recording = record(example("two_layer_net")[0], levels=("op", "primitive"))
    card = next(c for c in cards(recording, "primitive", "backward") if c["t"] == "matmul #6")
    to_h, to_w = card["rows"]
    assert text(to_h["m"]) == "∂ L ∂ h = ḡ @ W2"
    assert to_h["s"] == "(1, 3) = (1, 1) @ (1, 3)"
    assert to_h["st"] == "dense"
    assert numbers(recording, to_h["J"]).tolist() == [[0.7, -0.5, 0.9]]
    assert text(to_w["m"]) == "∂ L ∂ W2ᵀ = h ᵀ @ ḡ"
    place, code = recording.rules[to_h["code"]]
    assert re.fullmatch(r"linear\.py:\d+", place)
    assert any(line.startswith("def matmul_dx(g") for line in code)


def test_what_is_sent_back_equals_a_computation_by_hand():
    loss, leaves = example("two_layer_net")
    recording = record(loss)
    x, w1, b1, w2, b2, t = (np.asarray(leaves[name].data) for name in ("x", "W1", "b1", "W2", "b2", "t"))
    h = 1 / (1 + np.exp(-(x @ w1.T + b1)))
    y = 1 / (1 + np.exp(-(h @ w2.T + b2)))
    d2 = (y - t) * y * (1 - y)
    d1 = d2 @ w2 * h * (1 - h)
    wanted = {"W1": d1.T @ x, "b1": d1.sum(0), "W2": d2.T @ h, "b2": d2.sum(0)}
    found = {name: numbers(recording, k) for _, k, name in cards(recording, "op", "end")[0]["all"]}
    assert set(found) == set(wanted)
    for name, gradient in wanted.items():
        np.testing.assert_allclose(found[name], gradient, rtol=1e-12)
    for level in recording.levels[:3]:
        handed = {r["to"]: r["a"] for c in cards(recording, level.name, "backward") for r in c["rows"]}
        for name, gradient in wanted.items():
            np.testing.assert_allclose(numbers(recording, handed[name]), gradient, rtol=1e-12)


def test_a_broadcast_sum_is_shown_as_the_step_it_is():
    x = tg.Tensor(np.ones((4, 3)), name="x")
    b = tg.Tensor(np.zeros(3), requires_grad=True, name="b")
    recording = record((x + b).sum())
    rows = [row for card in cards(recording, "op", "backward") for row in card["rows"] if row["to"] == "b"]
    assert rows[0]["sum"] == [[4, 3], [3]]
    assert numbers(recording, rows[0]["a"]).tolist() == [4.0, 4.0, 4.0]


@pytest.mark.parametrize("name", ["two_layer_net", "circuit", "neuron"])
def test_every_state_follows_from_the_steps_before(name):
    recording = record(example(name)[0])
    for level in recording.levels:
        known, graded, waiting = set(), set(), set()
        for s in level.steps:
            for box in s.get("v", ()):
                assert box not in known
                known.add(box)
            assert not set(s.get("g", ())) & graded
            graded |= set(s.get("g", ()))
            waiting = (waiting | set(s.get("w", ()))) - graded
            assert set(s["n"]) <= set(level.layout.nodes)
            assert all(0 <= i < len(level.layout.edges) for i, _ in s.get("e", ()))
            if s["p"] == "backward":
                assert set(s["n"]) <= known
                assert set(s["n"]) <= graded
        assert known == set(level.layout.nodes)
        assert not waiting


def test_a_level_groups_the_same_calls(rng):
    recording = record(lenet(rng), levels=("module", "op"))
    module, op = (
        [call for s in level.steps if s["p"] == phase for call in s["c"]]
        for level in recording.levels
        for phase in ("forward",)
    )
    assert module == op
    back = [call for s in recording.levels[0].steps if s["p"] == "backward" for call in s["c"]]
    assert back == module[::-1]
    assert recording.levels[0].group == recording.levels[1].group


def test_a_module_hands_gradients_to_its_parameters_too():
    recording = record(example("two_layer_net")[0], level="module", levels="module")
    card = next(c for c in cards(recording, "module", "backward") if c["t"] == "Linear(3, 1)")
    assert {row["to"] for row in card["rows"]} == {"h", "W2", "b2"}
    assert card["ops"] == ["transpose #5", "matmul #6", "add #7"]


def test_the_users_line_is_lit(tmp_path):
    with tg.record_lines():
        loss = tg.Tensor(2.0, requires_grad=True, name="x") * 3.0  # this very line
    recording = record(loss)
    (file, line), (name, lines) = cards(recording, "op", "forward")[0]["line"], recording.sources[0]
    assert (file, name) == (0, "test_stepper.py")
    assert dict(lines)[line].endswith("# this very line")


# The picture


def test_one_picture_a_level_with_ids_of_its_own():
    recording = record(example("two_layer_net")[0])
    assert [level.name for level in recording.levels] == ["module", "op", "primitive", "scalar"]
    seen: set[str] = set()
    for level in recording.levels:
        root = ElementTree.fromstring(level.layout.svg)
        ids = [element.get("id") for element in root.iter() if element.get("id")]
        assert len(ids) == len(set(ids))
        assert all(name.startswith(f"{recording.key}{level.name[0]}-") for name in ids)
        assert not seen & set(ids)
        seen |= set(ids)
        assert len(root.findall("{*}g[@id]")) == level.boxes
        assert len([e for e in root.iter() if e.get("class") == "e"]) == len(level.layout.edges)


def test_levels_that_show_the_same_are_one():
    assert [level.name for level in record(diamond()).levels] == ["op"]
    assert [level.name for level in record(diamond(), level="module").levels] == ["module"]


def test_the_same_program_gives_the_same_bytes():
    assert step(diamond()).html() == step(diamond()).html()
    assert record(diamond()).key != record(diamond() * 2).key


def test_nothing_is_touched():
    loss, leaves = example("two_layer_net")
    step(loss).html()
    assert all(leaf.grad is None for leaf in leaves.values())
    leaves["W1"].grad = np.ones((3, 2))
    step(loss)
    assert leaves["W1"].grad.data.tolist() == [[1, 1], [1, 1], [1, 1]]


# Bad input


def strict(value):
    """Fail on what is no JSON."""
    return json.loads(json.dumps(value, allow_nan=False))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e308, 5e-324])
def test_numbers_that_json_lacks_are_words(bad):
    x = tg.Tensor([bad, 1.0], requires_grad=True, name="x")
    y = tg.Tensor(np.full(100, bad), requires_grad=True, name="y")
    recording = record((x * x).sum() + y.sum())
    plain = strict(recording.to_dict())
    words = {math.inf: "Infinity", -math.inf: "-Infinity"}
    wanted = "NaN" if math.isnan(bad) else words.get(bad, bad)
    assert [wanted, 1] in [array.get("d") for array in plain["arrays"]]
    assert step(x * 1.0, gradient=[1.0, 1.0]).html()


def test_an_image_keeps_range_zeros_and_nan():
    data = np.linspace(-1, 1, 100).reshape(10, 10)
    data[0, 0] = np.nan
    recording = record((tg.Tensor(data, requires_grad=True, name="x") * 1.0).sum())
    array = next(a for a in recording.arrays if a.get("x") == 1)
    assert array["s"] == [10, 10]
    assert array["i"].startswith("__")  # NaN
    assert len(array["i"]) == 200
    assert array["r"][1] == 1


@pytest.mark.parametrize("place", ["name", "scope", "title", "op"])
def test_hostile_words_are_data(place):
    x = tg.Tensor(2.0, requires_grad=True, name=HOSTILE if place == "name" else "x")
    with tg.scope(HOSTILE if place == "scope" else "s"):
        y = x * x
    page = step(y, title=HOSTILE if place == "title" else None).html()
    assert page.count("</script") == 3
    assert "<img" not in page
    assert "{{" not in page.split("<script")[0].replace(plain_text(HOSTILE, 200).replace("<", "&lt;"), "").replace(
        "{{key}}", ""
    )


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: step(3.0), TypeError, "wanted a Tensor"),
        (lambda: step(tg.Tensor(1.0)), TypeError, "nothing to step through"),
        (lambda: step(diamond(), level="layer"), ValueError, "level='layer' is none of"),
        (lambda: step(diamond(), levels=("op", "x")), ValueError, "level='x' is none of"),
        (lambda: step(diamond(), direction="up"), ValueError, "direction='up' is none of"),
        (lambda: step(diamond(), theme="pink"), ValueError, "theme='pink' is none of"),
        (lambda: step(diamond(), max_nodes=3), ValueError, r"8 boxes, more than 3; .*max_nodes="),
        (lambda: step(example("two_layer_net")[0], level="scalar", max_nodes=20), ValueError, 'level="primitive"'),
    ],
)
def test_errors_say_what_to_do(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_a_level_over_the_budget_is_left_out_and_said():
    recording = record(example("two_layer_net")[0], max_nodes=20)
    assert [level.name for level in recording.levels] == ["module", "op", "primitive"]
    assert recording.notes[0].startswith("Level scalar is left out")


def test_an_output_of_many_numbers_has_values_alone_and_says_so():
    x = tg.Tensor([1.0, 2.0], requires_grad=True, name="x")
    recording = record(x * 2)
    assert {s["p"] for s in recording.levels[0].steps} == {"start", "forward", "end"}
    assert "pass gradient=" in cards(recording, "op", "end")[0]["say"]
    assert cards(record(x * 2, gradient=[1.0, 10.0]), "op", "seed")[0]["up"]


def test_a_failed_call_is_the_last_forward_step():
    x = tg.Tensor(np.ones((2, 3)), requires_grad=True, name="x")
    with pytest.raises(ValueError, match="matmul") as caught:
        (x + 1) @ x
    recording = record(caught.value.graph)
    assert cards(recording, "op", "forward")[-1]["fail"]


# The page


def test_pages_are_small(rng):
    assert len(step(example("two_layer_net")[0]).html().encode()) < 60_000
    assert len(step(lenet(rng), level="module", levels="module").html().encode()) < 200_000
    assert len(step(lenet(rng)).html().encode()) < 1_000_000


def test_the_page_allows_its_one_script_and_no_request():
    page = step(diamond()).html()
    assert "default-src 'none'" in page
    assert not re.search(r"(src|href)=", page.split("<script")[0])
    assert "http" not in packed(record(diamond()))


def test_save_writes_html_and_nothing_else(tmp_path):
    stepper = step(diamond())
    path = stepper.save(tmp_path / "steps.html")
    assert path.read_text(encoding="utf-8") == stepper.html()
    with pytest.raises(ValueError, match=r"'\.png' of steps\.png is not \.html"):
        stepper.save(tmp_path / "steps.png")
    assert [file.name for file in tmp_path.iterdir()] == ["steps.html"]


def test_it_shows_itself_in_a_frame_as_svg_and_as_text():
    bundle = step(diamond())._repr_mimebundle_()
    assert set(bundle) == {"text/html", "image/svg+xml", "text/plain"}
    frame = ElementTree.fromstring(bundle["text/html"].replace("allow-scripts", "x"))
    assert frame.tag == "iframe"
    assert frame.get("srcdoc", "").split() == step(diamond()).html().split()
    assert "11 steps at level op" in bundle["text/plain"]
    svg = ElementTree.fromstring(still(record(diamond())))
    assert "∂e/∂b = 4" in "".join(svg.itertext())


# PyTorch's words


@pytest.mark.oracle
@pytest.mark.parametrize(
    ("op", "make"),
    [
        ("add", lambda t, x: x + x), ("subtract", lambda t, x: x - 1), ("multiply", lambda t, x: x * x),
        ("divide", lambda t, x: x / x), ("negative", lambda t, x: -x), ("power", lambda t, x: x**3),
        ("square", lambda t, x: t.square(x)), ("sqrt", lambda t, x: t.sqrt(x)), ("exp", lambda t, x: t.exp(x)),
        ("expm1", lambda t, x: t.expm1(x)), ("log", lambda t, x: t.log(x)), ("log1p", lambda t, x: t.log1p(x)),
        ("absolute", lambda t, x: t.abs(x)), ("sin", lambda t, x: t.sin(x)), ("cos", lambda t, x: t.cos(x)),
        ("tan", lambda t, x: t.tan(x)), ("tanh", lambda t, x: t.tanh(x)), ("sigmoid", lambda t, x: t.sigmoid(x)),
        ("relu", lambda t, x: t.relu(x)), ("leaky_relu", lambda t, x: t.nn.functional.leaky_relu(x)),
        ("elu", lambda t, x: t.nn.functional.elu(x)), ("gelu", lambda t, x: t.nn.functional.gelu(x)),
        ("silu", lambda t, x: t.nn.functional.silu(x)), ("softplus", lambda t, x: t.nn.functional.softplus(x)),
        ("maximum", lambda t, x: t.maximum(x, x)), ("minimum", lambda t, x: t.minimum(x, x)),
        ("clip", lambda t, x: t.clamp(x, 0, 1)), ("where", lambda t, x: t.where(x > 0, x, x)),
        ("sum", lambda t, x: x.sum()), ("mean", lambda t, x: x.mean()), ("prod", lambda t, x: x.prod()),
        ("var", lambda t, x: x.var()), ("std", lambda t, x: x.std()), ("max", lambda t, x: t.amax(x, 0)),
        ("min", lambda t, x: t.amin(x, 0)), ("logsumexp", lambda t, x: t.logsumexp(x, 0)),
        ("cumsum", lambda t, x: t.cumsum(x, 0)), ("matmul", lambda t, x: x @ x), ("transpose", lambda t, x: x.T),
        ("reshape", lambda t, x: x.reshape(4)), ("broadcast_to", lambda t, x: x.expand(3, 2, 2)),
        ("concatenate", lambda t, x: t.cat([x, x])), ("stack", lambda t, x: t.stack([x, x])),
        ("getitem", lambda t, x: x[0]), ("log_softmax", lambda t, x: t.log_softmax(x, 0)),
        ("softmax", lambda t, x: t.softmax(x, 0)),
        ("convolve", lambda t, x: t.nn.functional.conv2d(x[None, None], x[None, None])),
        ("max_pool", lambda t, x: t.nn.functional.max_pool2d(x[None, None], 2)),
    ],
)  # fmt: skip
def test_pytorch_calls_it_so(op, make):
    torch = pytest.importorskip("torch")
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    assert type(make(torch, x).grad_fn).__name__.rstrip("0123456789") in PYTORCH[op][1]


def test_every_phrase_is_of_an_op_that_there_is():
    from tinygrad_edu.engine import primitives

    there = {op.name for op in vars(primitives).values() if isinstance(op, tg.Op)}
    assert set(PYTORCH) <= there
    assert phrase("an op of mine") == ""
