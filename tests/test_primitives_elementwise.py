"""Elementwise ops: each rule against finite differences, twice over, read by all its readers, and against PyTorch."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from tinygrad_edu.engine.primitives import activations, elementwise, probability, rounding, selection, trigonometry
from tinygrad_edu.engine.symbol import Symbol
from tinygrad_edu.engine.tensor import Tensor

inf, nan = np.inf, np.nan
MODULES = (elementwise, rounding, trigonometry, selection, activations, probability)
ALL_OPS = [getattr(module, name) for module in MODULES for name in module.__all__]
OPS = [op for op in ALL_OPS if op.differentiable]
BY_NAME = {op.name: op for op in ALL_OPS}


def words(text):
    return text.split()


def fromkeys(text, value):
    return dict.fromkeys(text.split(), value)


LINE = (-2.3, 2.4)  # the range that inputs are drawn from
POSITIVE = (0.2, 3.0)
MASK = np.array([[True, False, True], [False, False, True]])
CLIP = {"low": -0.7, "high": np.array([0.5, 1.0, 1.5])}

# By the name of an op: the range of its inputs, and the sets of parameters to try
SAMPLES = {
    **fromkeys("add subtract multiply maximum minimum fmax fmin logaddexp logaddexp2", (LINE, [{}])),
    **fromkeys("hypot arctan2 square negative exp exp2 expm1 absolute sign floor ceil rint", (LINE, [{}])),
    **fromkeys("trunc zeros_like sin cos tan arctan sinh cosh tanh arcsinh sinc sigmoid", (LINE, [{}])),
    **fromkeys("relu silu softplus erf normal_cdf normal_pdf gelu_exponent largest first_largest", (LINE, [{}])),
    **fromkeys("smallest where gate nan_to_num", (LINE, [{}])),
    **fromkeys("divide ratio power log log2 log10 log1p sqrt tame_sqrt", (POSITIVE, [{}])),
    **fromkeys("log_or_zero remainder", (POSITIVE, [{}])),
    **fromkeys("arcsin arccos arctanh", ((-0.9, 0.9), [{}])),
    **fromkeys("held_log surprise", ((0.1, 0.9), [{}])),
    "arccosh": ((1.2, 3.0), [{}]),
    "cbrt": ((-3.0, -0.2), [{}]),
    "lowered_power": (POSITIVE, [{"order": 1}, {"order": 2}]),
    "sinc_derivative": (LINE, [{"order": 1}, {"order": 2}, {"order": 3}]),
    "leaky_relu": (LINE, [{"negative_slope": 0.1}, {"negative_slope": 2.0}, {"negative_slope": -0.5}]),
    "elu": (LINE, [{"alpha": 1.0}, {"alpha": 0.3}]),
    "gelu": (LINE, [{"approximate": "none"}, {"approximate": "tanh"}]),
    "clip": (LINE, [CLIP, {"low": None, "high": 0.5}, {"low": 0.3, "high": None}, {"low": None, "high": None}]),
}
SHAPES = {1: [((2, 3),), ((),), ((0, 3),), ((1,),)], 2: [((2, 3), (2, 3)), ((2, 1), (3,)), ((), (2, 3)), ((), ())]}
DEFAULTS = {"nan": 0.0, "posinf": None, "neginf": None}


@pytest.fixture
def rng():
    return np.random.default_rng(20)


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


def cases(op, rng, dtype=np.float64):
    """Yield inputs and parameters for an op, on each of a few shapes."""
    (low, high), options = SAMPLES[op.name]
    arity = 3 if op.variadic else len(op.inputs) - len(op.constants)
    for params in options:
        for shapes in SHAPES.get(arity, [((2, 3), (2, 3), (2, 3)), ((), (3,), (2, 1))]):
            inputs = [rng.uniform(low, high, shape) for shape in shapes]
            inputs = [np.asarray(x, dtype=dtype)[()] for x in inputs]
            if op.name == "where":
                inputs = [MASK, *inputs]
            if op.name == "gate":
                inputs = [
                    *inputs,
                    np.array([[1, 0, 0.5], [1, 1, 0]], dtype) if inputs[0].shape == (2, 3) else dtype(0.5),
                ]
            yield inputs, {**DEFAULTS, **params} if op.name == "nan_to_num" else params


def slope(op, position, g, out, inputs, params):
    """Return what the rule says, summed back to the input's shape."""
    extra = {"position": position} if op.variadic else {}
    return op.rule_of(position)(g, out, *inputs, **params, **extra)


def summed_to(piece, shape):
    lead = tuple(range(piece.ndim - len(shape)))
    piece = piece.sum(axis=lead) if lead else piece
    axes = tuple(i for i, n in enumerate(shape) if n == 1 and piece.shape[i] != 1)
    return piece.sum(axis=axes, keepdims=True) if axes else piece


def differences(f, x, eps=1e-6):
    """Return the central differences of a number-valued f at x."""
    found = np.zeros(x.shape)
    for place in np.ndindex(x.shape):
        up, down = np.array(x), np.array(x)
        up[place] += eps
        down[place] -= eps
        found[place] = (f(up[()]) - f(down[()])) / (2 * eps)
    return found


def trainable(op, inputs):
    return [i for i in range(len(inputs)) if op.rule_of(i) is not None]


def put(inputs, position, x):
    return [*inputs[:position], x, *inputs[position + 1 :]]


def test_every_op_has_samples_and_rules():
    assert {op.name for op in OPS} == set(SAMPLES)
    for op in OPS:
        assert op.elementwise
        assert op.__doc__
        for i, name in enumerate(op.inputs):
            rule = op.rule_of(i)
            assert rule is None if name in op.constants else rule.__name__ == f"{op.name}_d{name}".replace("dxs", "dx")


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_rule_matches_finite_differences(op, rng):
    for inputs, params in cases(op, rng):
        out = op(*inputs, **params)
        g = np.asarray(rng.standard_normal(np.shape(out)))[()]
        for i in trainable(op, inputs):
            want = differences(lambda x: np.sum(g * op(*put(inputs, i, x), **params)), inputs[i])  # noqa: B023
            got = summed_to(slope(op, i, g, out, inputs, params), inputs[i].shape)
            np.testing.assert_allclose(got, want, rtol=2e-7, atol=2e-8, err_msg=f"{op} {op.input_name(i)} {params}")


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_rule_can_be_differentiated_again(op, rng):
    for inputs, params in cases(op, rng):
        g = np.asarray(rng.standard_normal(np.shape(op(*inputs, **params))))[()]
        h = np.asarray(rng.standard_normal(g.shape))[()]
        for i in trainable(op, inputs):
            for j in trainable(op, inputs):

                def pushed(x):
                    xs = put(inputs, j, x)  # noqa: B023
                    return np.sum(h * slope(op, i, g, op(*xs, **params), xs, params))  # noqa: B023

                x = Tensor(inputs[j], requires_grad=True)
                xs = put(inputs, j, x)
                twice = slope(op, i, Tensor(g), op(*xs, **params), xs, params)
                got = np.zeros(x.shape)
                if isinstance(twice, Tensor) and twice.requires_grad:
                    (twice * h).sum().backward()
                    got = x.grad.data
                want = differences(pushed, inputs[j])
                np.testing.assert_allclose(got, want, rtol=2e-6, atol=1e-7, err_msg=f"{op} {i} {j} {params}")


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_rule_on_symbols_has_the_value_that_it_has_on_arrays(op, rng):
    for inputs, params in cases(op, rng):
        out = op(*inputs, **params)
        g = np.asarray(rng.standard_normal(np.shape(out)))[()]
        symbols = [Symbol(f"x{k}", x) for k, x in enumerate(inputs)]
        for i in trainable(op, inputs):
            formula = slope(op, i, Symbol("ḡ", g), Symbol("y", out), symbols, params)
            np.testing.assert_allclose(formula.value, slope(op, i, g, out, inputs, params), rtol=1e-12)
            assert str(formula)


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_dtype_stays(op, dtype, rng):
    for inputs, params in cases(op, rng, dtype):
        if isinstance(params.get("high"), np.ndarray):
            params = {"low": params["low"], "high": params["high"].astype(dtype)}
        out = op(*inputs, **params)
        assert out.dtype == dtype, op
        assert not (isinstance(out, np.ndarray) and out.ndim == 0), f"{op} gives a 0-d array, not a scalar"
        for i in trainable(op, inputs):
            assert slope(op, i, out, out, inputs, params).dtype == dtype, (op, i)


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_strided_and_reversed_inputs_give_the_same(op, rng):
    inputs, params = next(iter(cases(op, rng)))
    odd = [np.asarray(np.repeat(x, 2, axis=-1)[::-1, ::2].copy())[::-1] if np.ndim(x) else x for x in inputs]
    odd = [np.asfortranarray(np.tile(x, 2))[:, :3] if np.ndim(x) else x for x in odd]
    before = [np.array(x) for x in odd]
    out = op(*inputs, **params)
    np.testing.assert_array_equal(op(*odd, **params), out)
    for i in trainable(op, inputs):
        np.testing.assert_array_equal(slope(op, i, out, out, odd, params), slope(op, i, out, out, inputs, params))
    for x, y in zip(odd, before, strict=True):
        np.testing.assert_array_equal(x, y, err_msg=f"{op} wrote into its input")


NEED_SCIPY = words("erf gelu normal_cdf")
KINKED = words("sign floor ceil rint trunc zeros_like absolute where gate nan_to_num")


@pytest.mark.parametrize("op", [
    pytest.param(op, marks=[pytest.mark.extra] if op.name in NEED_SCIPY else [])
    for op in OPS if op.name not in KINKED
], ids=lambda op: op.name)  # fmt: skip
def test_complex_step_gives_the_slope(op, rng):
    if op.name in NEED_SCIPY:  # for complex numbers: math.erf takes none
        pytest.importorskip("scipy")
    for inputs, params in cases(op, rng):
        out = op(*inputs, **params)
        for i in trainable(op, inputs):
            moved = op(*put(inputs, i, inputs[i] + 1e-30j), **params)
            np.testing.assert_allclose(moved.real, out, rtol=1e-13, atol=1e-15)
            step = moved.imag / 1e-30
            want = slope(op, i, np.ones_like(out), out, inputs, params)
            np.testing.assert_allclose(step, np.broadcast_to(want, np.shape(step)), rtol=1e-9, atol=1e-12)


# Delicate places: (op, inputs, value, slopes)
DELICATE = [
    ("relu", [[-1, 0, 1.0]], [0, 0, 1], [[0, 0, 1]]),
    ("relu", [[nan, inf, -inf]], [nan, inf, 0], [[0, 1, 0]]),
    ("absolute", [[-2, 0, 3.0]], [2, 0, 3], [[-1, 0, 1]]),
    ("power", [[0, 0, 0, 0.0], [0, 1, 2, 3.0]], [1, 0, 0, 0], [[0, 1, 0, 0], [0, 0, 0, 0]]),
    ("maximum", [[1, 1, 2, nan], [1, 2, 1, 1.0]], [1, 2, 2, nan], [[0.5, 0, 1, 1], [0.5, 1, 0, 1]]),
    ("minimum", [[1, 1, 2, nan], [1, 2, 1, 1.0]], [1, 1, 1, nan], [[0.5, 1, 0, 1], [0.5, 0, 1, 1]]),
    ("fmax", [[1, nan, 1, nan], [1, 1, nan, nan]], [1, 1, 1, nan], [[1, 0, 1, 1], [0, 1, 0, 0]]),
    ("fmin", [[1, nan, 1, nan], [1, 1, nan, nan]], [1, 1, 1, nan], [[1, 0, 1, 1], [0, 1, 0, 0]]),
    ("largest", [[1.0, 3], [1, 2], [1, 3]], [1, 3], [[1 / 3, 0.5], [1 / 3, 0], [1 / 3, 0.5]]),
    ("first_largest", [[1.0, 2], [1, 3], [1, 3]], [1, 3], [[1, 0], [0, 1], [0, 0]]),
    ("smallest", [[1.0, 3], [1, 2], [1, 3]], [1, 2], [[1 / 3, 0], [1 / 3, 1], [1 / 3, 0]]),
    ("ratio", [[0, 2, 0.0], [0, 0, 4.0]], [0, 0, 0], [[0, 0, 0.25], [0, 0, 0]]),
    ("hypot", [[0.0, 3], [0, 4]], [0, 5], [[0, 0.6], [0, 0.8]]),
    ("arctan2", [[0.0, 0], [0, -1]], [0, np.pi], [[0, -1], [0, 0]]),
    ("sigmoid", [[-1e4, -40, 0, 1e4]], [0, np.exp(-40), 0.5, 1], [[0, np.exp(-40), 0.25, 0]]),
    ("softplus", [[-1e4, -40, 0, 1e4]], [0, np.exp(-40), np.log(2), 1e4], [[0, np.exp(-40), 0.5, 1]]),
    ("leaky_relu", [[-1.0, 0, 1]], [-0.1, 0, 1], [[0.1, 0.1, 1]]),
    ("elu", [[-1e4, 0, 1e4]], [-1, 0, 1e4], [[0, 1, 1]]),
    ("silu", [[-1e4, 0, 1e4]], [0, 0, 1e4], [[0, 0.5, 1]]),
    ("gelu", [[-1e4, 0, 1e4]], [0, 0, 1e4], [[0, 0.5, 1]]),
    ("clip", [[-1, -0.7, 0.0, 0.5, nan, inf]], [-0.7, -0.7, 0, 0.5, nan, 0.5], [[0, 1, 1, 1, 0, 0]]),
    ("nan_to_num", [[nan, inf, -inf, 2]], [0, np.finfo(float).max, np.finfo(float).min, 2], [[0, 0, 0, 1]]),
    ("logaddexp", [[1e4, -1e4], [0, 0.0]], [1e4, 0], [[1, 0], [0, 1]]),
    ("sinc", [[0.0, 1e-9]], [1, 1], [[0, -np.pi**2 / 3 * 1e-9]]),
    ("remainder", [[5, -5, 5.0], [3, 3, -3]], [2, 1, -1], [[1, 1, 1], [-1, 2, 2]]),
    ("log_or_zero", [[0, 1.0]], [0, 0], [[0, 1]]),
    ("tame_sqrt", [[0, 4.0]], [0, 2], [[0, 0.25]]),
]  # fmt: skip
PARAMS = {
    "leaky_relu": {"negative_slope": 0.1}, "elu": {"alpha": 1.0}, "gelu": {"approximate": "none"},
    "clip": {"low": -0.7, "high": 0.5}, "nan_to_num": DEFAULTS,
}  # fmt: skip


@pytest.mark.parametrize("scalar", [False, True], ids=["arrays", "scalars"])
@pytest.mark.parametrize(("name", "inputs", "value", "slopes"), DELICATE)
def test_values_and_slopes_at_delicate_places_without_a_warning(name, inputs, value, slopes, scalar):
    op, params = BY_NAME[name], PARAMS.get(name, {})
    arrays = [np.asarray(x, float) for x in inputs]
    for k in range(arrays[0].size) if scalar else [...]:
        xs = [x[k] for x in arrays]
        out = op(*xs, **params)
        np.testing.assert_allclose(out, np.asarray(value, float)[k], rtol=1e-14)
        for i, want in enumerate(slopes):
            got = slope(op, i, np.ones_like(out)[()], out, xs, params)
            np.testing.assert_allclose(got, np.asarray(want)[k], rtol=1e-14)


@pytest.mark.parametrize("name", ["where", "maximum", "minimum", "fmax", "fmin", "clip", "sign", "floor", "largest"])
def test_what_was_not_chosen_gets_exactly_0_of_an_infinite_gradient(name):
    op, params = BY_NAME[name], PARAMS.get(name, {})
    x, y = np.array([-1.0, 1.0]), np.array([2.0, -2.0])
    inputs = [x] if op.inputs == ("x",) else [x, y]
    if name == "where":
        inputs = [x > 0, *inputs]
    out = op(*inputs, **params)
    for g in (inf, nan):
        pieces = [slope(op, i, np.full(2, g), out, inputs, params) for i in trainable(op, inputs)]
        taken = sum(np.asarray(~(np.equal(p, 0))).astype(int) for p in pieces)
        np.testing.assert_array_equal(taken, 0 if len(pieces) == 1 else 1)


def test_second_derivatives_of_powers_are_finite_at_0():
    for n, want in [(0, 0), (1, 0), (2, 2), (3, 0)]:
        for exponent in (np.float64(n), np.full(2, float(n))):
            x = Tensor(np.zeros(2), requires_grad=True)
            first = elementwise.power_dx(1.0, x**exponent, x, Tensor(exponent))
            second = elementwise.lowered_power_dx(1.0, first, x, Tensor(exponent - 1.0), order=1)
            np.testing.assert_array_equal(first.data, 1 if n == 1 else 0)
            np.testing.assert_array_equal((second * exponent).data, want)
            first.sum().backward()
            np.testing.assert_array_equal(x.grad.data, want)


def test_mixed_second_derivative_of_a_power_at_exponent_0():
    x, y = Tensor(2.0, requires_grad=True), Tensor(0.0, requires_grad=True)
    elementwise.power_dx(1.0, x**y, x, y).backward()
    assert y.grad.item() == pytest.approx(1 / 2)  # ∂²xʸ/∂x∂y = xʸ⁻¹ (1 + y log x)


def test_integer_to_negative_power_says_what_to_do():
    x, y = np.array([2]), np.array([-1])
    assert "astype" in elementwise.power.explain(x, y)
    assert elementwise.power.explain(x, np.array([1])) is None
    with pytest.raises(ValueError, match="negative"):
        elementwise.power(x, y)


def test_gelu_refuses_an_unknown_approximation():
    with pytest.raises(ValueError, match="tanh"):
        activations.gelu(np.ones(2), approximate="sigmoid")


@pytest.mark.extra
def test_erf_without_scipy_is_the_same(monkeypatch, rng):
    scipy_special = pytest.importorskip("scipy.special")
    x = rng.uniform(-4, 4, (3, 4))
    activations.error_function.cache_clear()
    monkeypatch.setitem(sys.modules, "scipy.special", None)
    try:
        assert activations.error_function() is activations.erf_by_math
        np.testing.assert_allclose(activations.erf(x), scipy_special.erf(x), rtol=1e-13)
        for dtype in (np.float32, np.float16):
            assert activations.erf(x.astype(dtype)).dtype == dtype
            assert activations.erf(dtype(0.5)).dtype == dtype
        assert not isinstance(activations.erf(np.float64(0.5)), np.ndarray)
        assert activations.erf(np.ones((0, 2))).shape == (0, 2)
        with pytest.raises(TypeError, match="scipy"):
            activations.erf(1j * x)
    finally:
        monkeypatch.undo()
        activations.error_function.cache_clear()


def test_integers_and_bools_do_as_numpy_does():
    whole = np.array([-2, 0, 3])
    for name in words("add subtract multiply divide maximum fmin hypot logaddexp"):
        want = getattr(np, name)(whole, 2)
        got = BY_NAME[name](whole, 2)
        np.testing.assert_array_equal(got, want)
        assert got.dtype == want.dtype
    for name in words("exp square sqrt absolute sign tanh sinc cbrt"):
        want = getattr(np, name)(abs(whole))
        got = BY_NAME[name](abs(whole))
        np.testing.assert_allclose(got, want, rtol=1e-15)
        assert got.dtype == want.dtype
    assert activations.relu(whole).dtype == whole.dtype


TORCH = {
    **{name: name for name in words("add subtract multiply divide negative exp exp2 expm1 log log2 log10 log1p sqrt")},
    **{name: name for name in words("square absolute sign floor ceil trunc sin cos tan arcsin arccos arctan")},
    **{name: name for name in words("arctan2 sinh cosh tanh arcsinh arccosh arctanh sinc sigmoid relu maximum")},
    **{name: name for name in words("minimum fmax fmin logaddexp logaddexp2 hypot remainder erf nan_to_num where")},
    "power": "pow", "rint": "round", "clip": "clamp", "normal_cdf": "special.ndtr",
    **{name: f"nn.functional.{name}" for name in words("silu softplus elu leaky_relu gelu")},
}  # fmt: skip
EDGES = {  # beside the samples: where PyTorch decided something, NaN, infinities
    1: [([-1, 0, 1, 0.5, -0.5, nan],)],
    2: [([0, 0, 0, 2, 1, nan, 1], [1, 2, 0.5, 2, nan, 1, 1])],
    3: [([True, False], [1, 1], [2, nan])],
}
UNLIKE = {"hypot", "absolute", "sign", "relu", "elu"}  # where we differ: at the origin, and slopes beside NaN


@pytest.mark.oracle
@pytest.mark.parametrize("name", TORCH)
def test_values_and_slopes_match_torch(name, rng, torch):
    theirs = torch
    for part in TORCH[name].split("."):
        theirs = getattr(theirs, part)
    op = BY_NAME[name]
    samples = [case for case in cases(op, rng) if not isinstance(case[1].get("high"), np.ndarray)]
    if name not in UNLIKE:
        params = samples[-1][1]
        edges = EDGES[len(op.inputs)]
        samples += [([np.array(x, bool if x[0] is True else float) for x in edge], params) for edge in edges]
    for inputs, params in samples:
        with np.errstate(all="ignore"):
            out = np.asarray(op(*inputs, **params))
            g = rng.standard_normal(out.shape)
            given = [torch.tensor(x, requires_grad=x.dtype.kind == "f") for x in map(np.asarray, inputs)]
            value = theirs(*given, **torch_params(params))
            np.testing.assert_allclose(out, value.detach().numpy(), rtol=1e-9, atol=1e-13)
            value.backward(torch.tensor(g))
            for i in trainable(op, inputs):
                got = summed_to(np.broadcast_to(slope(op, i, g, out, inputs, params), out.shape), np.shape(inputs[i]))
                np.testing.assert_allclose(got, given[i].grad.numpy(), rtol=1e-9, atol=1e-12)


def torch_params(params):
    if "low" not in params:
        return params
    bounds = {"min": params["low"], "max": params["high"]}
    return bounds if any(bound is not None for bound in bounds.values()) else {"min": -inf}
