"""What tinygrad_edu and PyTorch both compute: for each function, their names for it and the inputs to try."""

from __future__ import annotations

import numpy as np

inf = np.inf
BASE = np.random.default_rng(7)


def draw(*shape, low=-2.0, high=2.0):
    """Fixed random numbers, none of them twice."""
    return BASE.uniform(low, high, shape)


class Case:
    """What we call it, what PyTorch calls it, and on which inputs."""

    def __init__(self, name, ours, theirs, *samples, second=True):
        self.name, self.ours, self.theirs, self.second = name, ours, theirs, second
        self.samples = [sample if isinstance(sample, tuple) else (sample,) for sample in samples]


def view(a):
    """The same numbers at odd places in memory."""
    a = np.asarray(a)
    wide = np.zeros([2 * n for n in a.shape[::-1]])
    spaced = wide[tuple([slice(None, None, 2)] * a.ndim)].T
    spaced[...] = a
    return spaced if a.ndim else a[()]


SHAPES = [(), (1,), (5,), (2, 3), (0, 3), (1, 1), (2, 1, 3)]
LINE = [draw(*shape) for shape in SHAPES] + [view(draw(3, 4))]
POSITIVE = [draw(*shape, low=0.1, high=3) for shape in SHAPES] + [view(draw(3, 4, low=0.1, high=3))]
INSIDE = [draw(*shape, low=-0.95, high=0.95) for shape in SHAPES]
EXTREME = np.array([-1e4, -745.0, -100, -40, -20.5, -1e-3, -1e-12, 0, 1e-12, 1e-3, 20.5, 40, 100, 700, 1e4])
SMALL = np.array([-1e-3, -1e-8, -1e-15, 0, 1e-15, 1e-8, 1e-3])
WHOLE = np.array([-2.5, -2, -1.5, -0.5, 0, 0.5, 1, 1.5, 2.5])

UNARY = [
    Case("exp", "exp", "exp", *LINE, EXTREME[:-1]), Case("log", "log", "log", *POSITIVE, np.array([1e-300, 1e300])),
    Case("log1p", "log1p", "log1p", *POSITIVE, SMALL), Case("expm1", "expm1", "expm1", *LINE, SMALL),
    Case("sqrt", "sqrt", "sqrt", *POSITIVE, np.array([1e-300, 1e300])),
    Case("square", "square", "square", *LINE, WHOLE),
    Case("abs", "abs", "abs", *LINE, WHOLE), Case("sign", "sign", "sign", *LINE, WHOLE),
    Case("negative", "negative", "neg", *LINE), Case("sin", "sin", "sin", *LINE, EXTREME),
    Case("cos", "cos", "cos", *LINE, EXTREME), Case("tan", "tan", "tan", *INSIDE),
    Case("arcsin", "arcsin", "asin", *INSIDE, SMALL), Case("arccos", "arccos", "acos", *INSIDE, SMALL),
    Case("arctan", "arctan", "atan", *LINE, EXTREME), Case("sinh", "sinh", "sinh", *LINE, SMALL),
    Case("cosh", "cosh", "cosh", *LINE, SMALL), Case("tanh", "tanh", "tanh", *LINE, EXTREME, SMALL),
    Case("sigmoid", "sigmoid", "sigmoid", *LINE, EXTREME, SMALL), Case("relu", "relu", "relu", *LINE, WHOLE, EXTREME),
    Case("softplus", "softplus", "nn.functional.softplus", *LINE, SMALL, EXTREME[np.abs(EXTREME) < 20]),
    Case("silu", "silu", "nn.functional.silu", *LINE, EXTREME, SMALL),
    Case("gelu", "gelu", "nn.functional.gelu", *LINE, SMALL, EXTREME[np.abs(EXTREME) < 101]),
    Case("elu", "elu", "nn.functional.elu", *LINE, EXTREME[EXTREME != 0]),
    Case("elu at its kink", "elu", "nn.functional.elu", WHOLE, second=False),
    Case("leaky_relu", "leaky_relu", "nn.functional.leaky_relu", *LINE, WHOLE, EXTREME),
]  # fmt: skip


def options(name, ours, theirs, samples, *pairs, second=True):
    """One case for each pair of our and their keyword arguments."""
    return [
        Case(
            f"{name} {mine}",
            lambda tg, *xs, mine=mine: lookup(tg, ours)(*xs, **mine),
            lambda torch, *xs, his=his: lookup(torch, theirs)(*xs, **his),
            *samples,
            second=second,
        )
        for mine, his in pairs
    ]


def lookup(module, name):
    for part in name.split("."):
        module = getattr(module, part)
    return module


PARAMETERS = [
    *options("leaky_relu", "leaky_relu", "nn.functional.leaky_relu", [draw(2, 3), WHOLE],
             *[({"negative_slope": s}, {"negative_slope": s}) for s in (0.0, 0.3, 1.0)]),
    *options("elu", "elu", "nn.functional.elu", [draw(2, 3), EXTREME[EXTREME != 0]],
             *[({"alpha": s}, {"alpha": s}) for s in (0.5, 2.0)]),
    *options("gelu", "gelu", "nn.functional.gelu", [draw(2, 3), SMALL, EXTREME[np.abs(EXTREME) < 101]],
             ({"approximate": "tanh"}, {"approximate": "tanh"})),
    *options("clip", "clip", "clamp", [draw(2, 3), WHOLE, draw()],
             *[({"min": lo, "max": hi}, {"min": lo, "max": hi}) for lo, hi in
               [(-1, 1), (None, 0.5), (-0.5, None), (-0.5, 0.5), (1, -1)]]),
]  # fmt: skip

BOUNDS = np.array([-0.5, 0.25, -2, 1, 0.5, 0, -1, 2, 3])
CLIPPED = [
    Case("clip", lambda m, x, low: m.clip(x, low, None), lambda m, x, low: m.clip(x, low), (WHOLE, BOUNDS),
         (WHOLE, WHOLE)),
    Case("clip", lambda m, x, high: m.clip(x, None, high), lambda m, x, high: m.clip(x, max=high), (WHOLE, BOUNDS)),
    Case("clip", "clip", "clip", (WHOLE, BOUNDS, BOUNDS + 1), (draw(2, 3), draw(3), draw(2, 1)),
         (draw(), draw(), draw())),
]  # fmt: skip

PAIRS = [
    (draw(2, 3), draw(2, 3)), (draw(2, 1), draw(3)), (draw(), draw(2, 3)), (draw(2, 3), draw()), (draw(), draw()),
    (draw(0, 3), draw(3)), (draw(0, 1), draw(1, 3)), (draw(4, 1, 2), draw(3, 1)), (view(draw(3, 4)), draw(3, 4)),
    (draw(1), draw(1, 1)),
]  # fmt: skip
POSITIVE_PAIRS = [tuple(np.abs(x) + 0.1 for x in pair) for pair in PAIRS]
TIED = (np.array([1.0, 1, 2, -1, 0]), np.array([1.0, 2, 1, -1, 0]))

BINARY = [
    Case("add", "add", "add", *PAIRS), Case("subtract", "subtract", "sub", *PAIRS),
    Case("multiply", "multiply", "mul", *PAIRS), Case("divide", "divide", "div", *PAIRS),
    Case("power", "power", "pow", *POSITIVE_PAIRS),
    Case("maximum", "maximum", "maximum", *PAIRS, TIED), Case("minimum", "minimum", "minimum", *PAIRS, TIED),
    Case("logaddexp", "logaddexp", "logaddexp", *PAIRS, (np.array([500.0, -500, 30]), np.array([501.0, 2, -30])), TIED),
    Case("arctan2", "arctan2", "atan2", *PAIRS),
    Case("operators", lambda m, x, y: (x + 2) * (3 - y) / (x * x + 1) - y / 2.0 + (-x) % 1.7,
         lambda m, x, y: (x + 2) * (3 - y) / (x * x + 1) - y / 2.0 + (-x) % 1.7, *PAIRS),
    Case("remainder", lambda m, x, y: x % y, lambda m, x, y: x % y, *PAIRS),
    Case("x times itself", lambda m, x: x * x * x + x / (x + 3), lambda m, x: x * x * x + x / (x + 3), *LINE),
    *[Case(f"x**{n}", lambda m, x, n=n: x**n, lambda m, x, n=n: x**n, draw(2, 3), np.array([-2.0, 0, 1]), np.float64(0))
      for n in (0, 1, 2, 3, 0.0, 2.0, 4)],
    *[Case(f"x**{n}", lambda m, x, n=n: x**n, lambda m, x, n=n: x**n, draw(2, 3, low=0.3), draw(low=0.3))
      for n in (-1, -2, 0.5, 1.5, -0.5)],
    *[Case(f"{a}**x", lambda m, x, a=a: a**x, lambda m, x, a=a: a**x, draw(2, 3), np.array([0.0, 1, 2])) for a in (2,
         0.5)],
    Case("0**x", lambda m, x: 0.0**x, lambda m, x: 0.0**x, np.array([0.5, 1, 2, 3]), second=False),
    Case("power of zeros", "power", "pow", (np.array([0.0, 0, 0, 2, -2]), np.array([1.0, 2, 3, 0, 2])), second=False),
    Case("where", lambda m, x, y: m.where(MASKS[m.__name__], x, y), lambda m, x, y: m.where(MASKS[m.__name__], x, y),
         (draw(2, 3), draw(2, 3)), (draw(), draw(3)), (draw(4, 1, 1), draw(2, 1)), (draw(2, 3), draw())),
    Case("where guards", lambda m, x: m.where(x > 0, m.log(m.where(x > 0, x, 1.0)), 0.0 * x),
         lambda m, x: m.where(x > 0, m.log(m.where(x > 0, x, 1.0)), 0.0 * x), np.array([-1.0, 0, 2])),
]  # fmt: skip
MASKS = {"tinygrad_edu": np.array([[True, False, True], [False, False, True]])}

REDUCED = [
    ((), [None]), ((1,), [None, 0]), ((5,), [None, 0, -1]), ((2, 3), [None, 0, 1, -1, -2, (0, 1), (-1, 0)]),
    ((2, 1, 3), [0, 1, (0, 2), (-1, 1)]),
]  # fmt: skip


def reductions(name, theirs, *, low=-2.0, single=False, mine=None, his=None, alone=True, word="dim"):
    """A case for each shape, axis and keepdims."""
    cases = []
    for shape, axes in REDUCED:
        for axis in axes:
            if (single and isinstance(axis, tuple)) or (not alone and 1 in (shape or (1,))):
                continue
            x = draw(*shape, low=low)
            if axis is None:
                whole = tuple(range(len(shape))) if word == "dims" else None
                extra = {} if whole is None else {"dim": whole}
                cases += options(name, name, theirs, [x], ({**(mine or {})}, {**(his or {}), **extra}))
                continue
            for keep in (False, True):
                cases += options(
                    name, name, theirs, [x, view(x)],
                    ({"axis": axis, "keepdims": keep, **(mine or {})}, {"dim": axis, "keepdim": keep, **(his or {})}),
                )  # fmt: skip
    return cases


def along(name, theirs, *samples):
    """A case for each axis of what works along one axis."""
    found = []
    for shape in [(5,), (2, 3), (2, 1, 3), (1,)]:
        for axis in range(-len(shape), len(shape)):
            found += options(name, name, theirs, [draw(*shape)], ({"axis": axis}, {"dim": axis}))
    return found + options(name, name, theirs, samples, ({"axis": -1}, {"dim": -1}))


TIES = np.array([[1.0, 3, 3, -1], [2, 2, 2, 2], [0.5, 0, -4, 0.25]])
ZEROS = [np.array([[0.0, 0, 2], [0, 3, 4], [1, 2, 3], [0, 0, 0]]), np.array([[0.0], [5.0]])]
HUGE = np.array([[1e4, 1e4 - 1, -1e4], [-800, -801, -1e4], [-inf, 0, 1]])

REDUCTIONS = [
    *reductions("sum", "sum"), *reductions("mean", "mean"), *reductions("prod", "prod", single=True),
    *reductions("max", "amax", word="dims"), *reductions("min", "amin", word="dims"),
    *reductions("logsumexp", "logsumexp", word="dims"),
    *[case for ddof in (0, 1) for name in ("var", "std")
      for case in reductions(name, name, mine={"ddof": ddof}, his={"correction": ddof}, alone=False)],
    *reductions("norm", "linalg.vector_norm"),
    *options("max", "max", "amax", [TIES], ({"axis": 1}, {"dim": 1}), ({"axis": (0, 1)}, {"dim": (0, 1)})),
    *options("min", "min", "amin", [TIES], ({"axis": 1}, {"dim": 1}), ({"axis": 0}, {"dim": 0})),
    *options("prod", "prod", "prod", ZEROS, ({"axis": 1}, {"dim": 1}), ({"axis": 0}, {"dim": 0}), ({}, {})),
    *options("logsumexp", "logsumexp", "logsumexp", [HUGE, TIES], ({"axis": 1}, {"dim": 1}), ({"axis": 0}, {"dim": 0})),
    *options("std", "std", "std", [np.array([[2.0, 2, 2], [1, 2, 4]])], ({"axis": 1, "ddof": 1}, {"dim": 1}),
         second=False),
    *options("var", "var", "var", [np.array([[2.0, 2, 2], [1, 2, 4]])], ({"axis": 1, "ddof": 1}, {"dim": 1})),
    *options("norm", "norm", "linalg.vector_norm", [np.array([[0.0, 0], [3, 4]])], ({"axis": 1}, {"dim": 1}),
         second=False),
    *options("norm", "norm", "linalg.vector_norm", [draw(3, 4)],
             *[({"ord": n, "axis": 1}, {"ord": n, "dim": 1}) for n in (1, 2, 3, 0.5, inf, -inf, -1, 2.5)]),
    *options("norm", "norm", "linalg.matrix_norm", [draw(3, 4), draw(2, 2)],
             *[({"ord": n, "axis": (0, 1), "keepdims": keep}, {"ord": n, "keepdim": keep})
               for n in (1, -1, inf, -inf, "fro") for keep in (False, True)]),
    *options("sum of nothing", "sum", "sum", [draw(0, 3), draw(2, 0)], ({"axis": 0}, {"dim": 0}), ({}, {})),
    *options("prod of nothing", "prod", "prod", [draw(0, 3), draw(2, 0)], ({"axis": 0}, {"dim": 0}), ({}, {})),
    *along("softmax", "softmax", HUGE, TIES, draw(0, 3)),
    *along("log_softmax", "log_softmax", HUGE[:2], TIES, draw(0, 3)),
    *along("cumsum", "cumsum", draw(0, 3), view(draw(3, 4))), *along("cumprod", "cumprod", *ZEROS, view(draw(3, 4))),
]  # fmt: skip
SORTED = along("sort", "sort", TIES, view(draw(3, 4)), draw(0, 3))
for case in SORTED:
    case.theirs = lambda torch, x, theirs=case.theirs: theirs_sort(torch, x, theirs)


def theirs_sort(torch, x, theirs):
    """PyTorch's default does not keep the order of equal numbers."""
    values, _ = theirs(torch, x)
    return values if not (np.asarray(x.detach()) == 2).any() else torch.sort(x, dim=-1, stable=True)[0]


def both(name, code, *samples):
    """The same expression in both libraries; ``m`` is the library."""
    function = eval(f"lambda m, *xs: {code}")
    return Case(name, function, function, *samples)


def each(name, ours, theirs, *samples):
    """An expression in each library."""
    return Case(name, eval(f"lambda m, *xs: {ours}"), eval(f"lambda m, *xs: {theirs}"), *samples)


PLACES = np.array([0, 2, 2, -1])
ROWS = np.array([[0, 2, 0], [1, 1, 2]])
X, Y, CUBE = draw(2, 3), draw(3, 4), draw(2, 3, 4)

SHAPING = [
    both("reshape", "xs[0].reshape(3, 2)", X, view(X)), both("reshape -1", "xs[0].reshape(-1)", X, draw(), draw(0, 3)),
    both("reshape to a number", "m.reshape(xs[0], ())", draw(1, 1)),
    *[both(code, f"xs[0].{code}", CUBE) for code in ("flatten(0, 1)", "flatten(start_dim=1)", "flatten(1, end_dim=-2)",
      "var(dim=1, unbiased=False, keepdim=True)", "std(dim=0, unbiased=True)", "var(correction=1)",
      "round(decimals=1)", "round()")],
    each("ravel", "m.ravel(xs[0])", "m.ravel(xs[0])", X),
    each("transpose", "m.transpose(xs[0])", "xs[0].permute(2, 1, 0)", CUBE),
    each("transpose", "xs[0].transpose(1, 2, 0)", "xs[0].permute(1, 2, 0)", CUBE, view(CUBE)),
    both("T", "xs[0].T @ xs[0]", X), both("mT", "xs[0].mT @ xs[0]", CUBE),
    both("swapaxes", "m.swapaxes(xs[0], 0, -1)", CUBE),
    both("moveaxis", "m.moveaxis(xs[0], 0, -1)", CUBE), both("moveaxis", "m.moveaxis(xs[0], (0, 2), (1, 0))", CUBE),
    both("squeeze", "m.squeeze(xs[0])", draw(1, 2, 1), draw(1, 1), draw()),
    each("squeeze", "m.squeeze(xs[0], axis=(0, -1))", "m.squeeze(xs[0], dim=(0, -1))", draw(1, 2, 1)),
    each("expand_dims", "m.expand_dims(xs[0], 1)", "xs[0].unsqueeze(1)", X, draw(3)),
    each("expand_dims", "m.expand_dims(xs[0], -1)", "xs[0].unsqueeze(-1)", X, draw()),
    both("broadcast_to", "m.broadcast_to(xs[0], (4, 2, 3))", X, draw(2, 1), draw(), draw(1, 1, 3)),
    both("concatenate", "m.concatenate([xs[0], xs[1], xs[0]], 0)", (X, draw(1, 3)), (draw(2), draw(0))),
    both("concatenate", "m.concatenate([xs[0], xs[1]], -1)", (X, draw(2, 0)), (CUBE, draw(2, 3, 1))),
    both("stack", "m.stack([xs[0], xs[1], xs[0]], 1)", (X, draw(2, 3))),
    both("stack", "m.stack(list(xs))", (draw(), draw())),
    both("stack", "m.stack([xs[0], xs[1]], -1)", (X, view(draw(2, 3)))),
    each("split", "sum(i * p for i, p in enumerate(m.split(xs[0], 3, axis=1), 1))",
         "sum(i * p for i, p in enumerate(m.tensor_split(xs[0], 3, dim=1), 1))", draw(2, 6)),
    each("split", "m.concatenate(m.split(xs[0], [1, 1, 4])[::-1]) * xs[0]",
         "m.concatenate(m.tensor_split(xs[0], [1, 1, 4])[::-1]) * xs[0]", draw(5, 2)),
    each("flip", "m.flip(xs[0], axis=(0, -1))", "m.flip(xs[0], (0, -1))", X, CUBE),
    both("flip", "m.flip(xs[0], (0,))", X),
    both("roll", "m.roll(xs[0], 2)", X), both("roll", "m.roll(xs[0], (1, -2), (0, 1))", X),
    both("roll", "m.roll(xs[0], 4, 1)", X),
    both("tile", "m.tile(xs[0], (2, 3))", X, draw(3), draw(), CUBE), both("tile", "m.tile(xs[0], (2, 1, 2))", X),
    each("repeat", "m.repeat(xs[0], 3, axis=1)", "m.repeat_interleave(xs[0], 3, dim=1)", X),
    each("repeat", "m.repeat(xs[0], 2)", "m.repeat_interleave(xs[0], 2)", X, draw()),
    each("repeat", "m.repeat(xs[0], [2, 0, 1], axis=-1)", "m.repeat_interleave(xs[0], m.tensor([2, 0, 1]), dim=-1)", X),
    each("pad", "m.pad(xs[0], ((1, 2), (0, 3)), constant_values=1.5)",
         "m.nn.functional.pad(xs[0], (0, 3, 1, 2), value=1.5)", X, draw(0, 3)),
    *[each(f"pad {mode}", f"m.pad(xs[0], ((0, 0), (2, 1), (1, 3)), mode='{ours}')",
           f"m.nn.functional.pad(xs[0], (1, 3, 2, 1), mode='{mode}')", draw(2, 4, 5))
      for mode, ours in (("reflect", "reflect"), ("replicate", "edge"), ("circular", "wrap"))],
    each("take", "m.take(xs[0], PLACES, axis=1) * 2", "xs[0].index_select(1, m.tensor(PLACES % 3)) * 2", X, CUBE),
    each("take flat", "m.take(xs[0], ROWS)", "m.take(xs[0], m.tensor(ROWS))", X),
    both("tril", "m.tril(xs[0])", X, CUBE),
    both("tril", "m.tril(xs[0], -1)", X), both("triu", "m.triu(xs[0], 1)", X, CUBE),
    both("diagonal", "m.diagonal(xs[0])", X),
    both("diagonal", "m.diagonal(xs[0], 1, -1, 0)", CUBE), both("diagonal", "m.diagonal(xs[0], -1, 0, 2)", CUBE),
    both("trace", "m.trace(xs[0])", X, draw(3, 3)),
    both("item by item", "xs[0][0, 1] * xs[0][1, 2] + xs[0][-1, -1]", X),
    each("sliding_windows", "m.sliding_windows(xs[0], (2, 3), 2, (1, 2))",
         "m.nn.functional.unfold(xs[0], (2, 3), dilation=(1, 2), stride=2)"
         ".reshape(2, 1, 2, 3, 2, 1).permute(0, 1, 4, 5, 2, 3)",
         draw(2, 1, 5, 6)),
    *[both(f"x[{index}]", f"xs[0][{index}]", CUBE) for index in
      ("0", "-1", "1:", "None", "...", "0, 1", ":, 1", "..., -1", ":, None, 1:", "0:2, ::2", "PLACES % 2", "[1, 1, 0]",
           ":, [2, 2, 0]",
       "[0, 1, 1], [2, 2, 2]", ":, :, [[0, 3], [3, 3]]", "0, [1, 1]", "[0, 0], :, [1, 1]", "ROWS % 2", "xs[0] > 0",
       "xs[0].sum() > 1e9")],
]  # fmt: skip

PRODUCTS = [
    *[both("matmul", "m.matmul(xs[0], xs[1])", (draw(*a), draw(*b))) for a, b in
      [((2, 3), (3, 4)), ((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 4)), ((5, 2, 3), (3, 4)), ((2, 3), (5, 3, 4)),
       ((5, 1, 2, 3), (2, 3, 4)), ((3,), (5, 3, 4)), ((5, 2, 3), (3,)), ((1, 1), (1, 1)), ((2, 0), (0, 3)),
       ((0, 2, 3), (3, 4))]],
    both("@", "xs[0] @ xs[1] @ xs[0]", (draw(3, 3), view(draw(3, 3)))), both("@ itself", "xs[0] @ xs[0].T", X),
    each("dot", "m.dot(xs[0], xs[1])", "xs[0] @ xs[1]", (draw(3), draw(3)), (X, Y), (X, draw(3))),
    each("dot", "m.dot(xs[0], xs[1])", "m.einsum('ij,kjl->ikl', xs[0], xs[1])", (X, draw(2, 3, 4))),
    both("inner", "m.inner(xs[0], xs[1])", (draw(3), draw(3)), (X, draw(4, 3)), (draw(), X)),
    both("outer", "m.outer(xs[0], xs[1])", (draw(2), draw(3)), (draw(0), draw(3))),
    both("kron", "m.kron(xs[0], xs[1])", (X, Y), (X, draw(2))),
    *[each("tensordot", f"m.tensordot(xs[0], xs[1], {axes})", f"m.tensordot(xs[0], xs[1], {dims})",
         (draw(*a), draw(*b)))
      for axes, dims, a, b in
      [("1", "1", (2, 3), (3, 4)), ("2", "2", (2, 3, 4), (3, 4, 2)), ("0", "0", (2, 3), (2,)),
       ("([1, 0], [0, 2])", "([1, 0], [0, 2])", (2, 3, 4), (3, 5, 2)), ("([-1], [0])", "([1], [0])", (2, 3), (3,))]],
    *[both(f"einsum {subscripts}", f"m.einsum('{subscripts}', *xs)", tuple(draw(*shape) for shape in shapes))
      for subscripts, *shapes in
      [("ij,jk->ik", (2, 3), (3, 4)), ("ij,jk", (2, 3), (3, 4)), ("ba", (2, 3)), ("ij->", (2, 3)), ("ij->j", (2, 3)),
       ("ii", (3, 3)), ("ii->i", (3, 3)), ("iij->j", (3, 3, 2)), ("...ij,...jk->...ik", (5, 1, 2, 3), (2, 3, 4)),
       ("i,j,k->kij", (2,), (3,), (2,)), ("ij,jk,kl->il", (2, 3), (3, 2), (2, 4)), ("bij,bij->b", (2, 3, 4), (2, 3, 4)),
       ("...,...->...", (2, 3), (3,)), (",ij->ij", (), (2, 3)), ("i,i", (3,), (3,)), ("ii,ij->j", (3, 3), (3, 2)),
       ("ij,k->ik", (2, 3), (4,)), ("nchw,ochw->no", (2, 2, 3, 3), (4, 2, 3, 3)), ("ij,jk->ik", (2, 0), (0, 2))]],
]  # fmt: skip

TABLE = UNARY + PARAMETERS + CLIPPED + BINARY + REDUCTIONS + SORTED + SHAPING + PRODUCTS
