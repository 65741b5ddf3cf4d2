"""``tg.init_lab``: one model, started by several rules; what flows through it, beside what theory says."""

from __future__ import annotations

import copy
import inspect
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tinygrad_edu import init
from tinygrad_edu.engine.creation import generator
from tinygrad_edu.engine.scope import MODE, inside
from tinygrad_edu.engine.tensor import Tensor
from tinygrad_edu.functional import log_softmax
from tinygrad_edu.inspection.flow import LayerFlow, measured_layers, row_of
from tinygrad_edu.inspection.lab_table import html_of, text_of
from tinygrad_edu.inspection.theory import Spread, with_theory
from tinygrad_edu.inspection.verdict import verdict_of

__all__ = ["RULES", "InitLab", "RuleResult", "init_lab"]


@dataclass(frozen=True)
class Rule:
    """A way to draw weights: its formula, the initialiser and the standard deviation that it means."""

    formula: str
    fill: Callable[..., Any]
    spread: Spread | None = None


RULES: dict[str, Rule] = {
    "zeros": Rule("0", init.zeros_, lambda n_in, n_out: 0.0),
    "xavier": Rule("√(2/(n_in+n_out))", init.xavier_normal_, lambda n_in, n_out: math.sqrt(2 / (n_in + n_out))),
    "xavier uniform": Rule(
        "√(2/(n_in+n_out))", init.xavier_uniform_, lambda n_in, n_out: math.sqrt(2 / (n_in + n_out))
    ),
    "he": Rule("√(2/n_in)", init.he_normal_, lambda n_in, n_out: math.sqrt(2 / n_in)),
    "he uniform": Rule("√(2/n_in)", init.he_uniform_, lambda n_in, n_out: math.sqrt(2 / n_in)),
    "lecun": Rule("√(1/n_in)", init.lecun_normal_, lambda n_in, n_out: math.sqrt(1 / n_in)),
    "lecun uniform": Rule("√(1/n_in)", init.lecun_uniform_, lambda n_in, n_out: math.sqrt(1 / n_in)),
}
_ALIASES = {"glorot": "xavier", "kaiming": "he", "zero": "zeros"}


@dataclass(frozen=True)
class RuleResult:
    """What one rule did: its rows, layer by layer, and a verdict that names the numbers it follows from."""

    rule: str
    formula: str
    verdict: str  # vanishing, exploding, symmetric or healthy
    reason: str
    rows: tuple[LayerFlow, ...]


class InitLab:
    """What ``init_lab`` found: ``.results``, one for each rule; ``.rows``, all of them; a table as text and as HTML."""

    def __init__(self, model: str, results: Sequence[RuleResult]) -> None:
        self.model = model
        self.results = tuple(results)

    @property
    def rows(self) -> list[LayerFlow]:
        """Every layer of every rule, in order."""
        return [row for result in self.results for row in result.rows]

    def __getitem__(self, rule: str) -> RuleResult:
        found = {result.rule: result for result in self.results}
        if rule not in found:
            raise KeyError(f"init_lab: no rule {rule!r} was tried; there are {', '.join(found)}")
        return found[rule]

    def __str__(self) -> str:
        return "\n\n".join(text_of(result) for result in self.results)

    def __repr__(self) -> str:
        return f"<init_lab of {self.model}: " + ", ".join(f"{r.rule}: {r.verdict}" for r in self.results) + ">"

    def _repr_html_(self) -> str:
        return "".join(html_of(result) for result in self.results)


def init_lab(model: Any, rules: Any, data: Any, *, loss: Callable[..., Any] | None = None, rng: Any = None) -> InitLab:
    """Start copies of a model by each rule, run one batch forward and backward, and say what flows, layer by layer.

    rules: names (``"zeros"``, ``"normal 0.01"``, ``"uniform 0.1"``, ``"constant 0.5"``, ``"xavier"``, ``"he"``,
    ``"lecun"``, each of the three also as ``"he uniform"``), functions that take a module (``init.he_normal_``), or
    a dict of such by name. Weights are drawn anew, biases set to 0. data: x, or (x, targets): integers for a
    cross-entropy, floats for a mean squared error. loss: a function of the model's output, and of targets if given,
    to be used instead. Without targets and loss a gradient of random normal numbers arrives at the output.
    rng: a seed or NumPy Generator; every rule draws from the same start. The model itself is left as it was.

    A rule is *symmetric* if all units of a layer before the last have equal weights and equal gradients: so they
    stay. It is *exploding* if activations before the nonlinearity grow more than 10 times from the first layer to the
    last (root mean squares), or gradients do from the last to the first (norms), or more than half of the values of
    tanh and sigmoid layers are saturated; *vanishing* if one of them shrinks more than 10 times; else *healthy*.

    Raises ValueError for an unknown rule, TypeError for a model that is no module.
    """
    if not hasattr(model, "named_parameters"):
        raise TypeError(f"init_lab: wanted a module, got {type(model).__name__}")
    x, targets = split_data(model, data)
    seed = int(generator(rng).integers(2**63))
    found = [try_rule(model, name, rule, x, targets, loss, seed) for name, rule in named_rules(rules)]
    return InitLab(type(model).__name__, found)


def named_rules(rules: Any) -> list[tuple[str, Rule]]:
    """Return every rule with its name; ValueError for one that is not known."""
    if isinstance(rules, str) or callable(rules):
        rules = [rules]
    if isinstance(rules, Mapping):
        return [(str(name), rule_of(rule)[1]) for name, rule in rules.items()]
    if not isinstance(rules, Iterable):
        raise TypeError(f"init_lab: rules must be a list of names or functions, got {type(rules).__name__}")
    found = [rule_of(rule) for rule in rules]
    if not found:
        raise ValueError(f"init_lab: no rules; try {', '.join(map(repr, RULES))}, 'normal 0.01'")
    return found


def rule_of(rule: Any) -> tuple[str, Rule]:
    """Return a rule with its name: of the table, with a number, or a function."""
    if callable(rule):
        return getattr(rule, "__name__", type(rule).__name__), Rule("", rule)
    words = str(rule).lower().replace("_", " ").split()
    name = " ".join([_ALIASES.get(words[0], words[0]), *words[1:]]) if words else ""
    if name.removesuffix(" normal") in RULES:
        return str(rule), RULES[name.removesuffix(" normal")]
    if len(words) == 2 and words[0] in ("normal", "uniform", "constant"):
        try:
            number = float(words[1])
        except ValueError:
            number = math.nan
        if math.isfinite(number):
            return str(rule), rule_with_number(words[0], number)
    raise ValueError(
        f"init_lab: no rule {rule!r}; there are {', '.join(map(repr, RULES))}, and 'normal 0.01', 'uniform 0.1', "
        "'constant 0.5' with any number, or pass a function of the module"
    )


def rule_with_number(kind: str, number: float) -> Rule:
    """Return the rule that draws all weights alike."""
    if kind == "normal":
        return Rule(f"{number:g}", lambda m, rng: init.normal_(m, 0.0, number, rng=rng), lambda n_in, n_out: number)
    if kind == "uniform":
        spread = number / math.sqrt(3)
        fill = lambda m, rng: init.uniform_(m, -number, number, rng=rng)  # noqa: E731
        return Rule(f"±{number:g}", fill, lambda n_in, n_out: spread)
    return Rule(f"{number:g}", lambda m: init.constant_(m, number))  # all weights equal: no independence, no theory


def split_data(model: Any, data: Any) -> tuple[Any, Any]:
    """Return x, floats in the parameters' dtype, and targets or None."""
    x, targets = data if isinstance(data, (tuple, list)) and len(data) == 2 else (data, None)
    x = x.data if isinstance(x, Tensor) else np.asarray(x)
    floats = [p.dtype for p in model.parameters()]
    if x.dtype.kind == "f" and floats:
        x = x.astype(floats[0], copy=False)
    return x, targets.data if isinstance(targets, Tensor) else None if targets is None else np.asarray(targets)


def try_rule(model: Any, name: str, rule: Rule, x: Any, targets: Any, loss: Any, seed: int) -> RuleResult:
    """Start a copy by one rule, run it, and judge."""
    random = np.random.default_rng(seed)
    trial = copy.deepcopy(model)
    fill(rule, trial, random)
    with inside(MODE.get().but(recording=True, scope=None, anomaly=False)), np.errstate(all="ignore"):
        output = trial(Tensor(x, copy=False))
        value = loss_of(output, targets, loss)
        arrives = None if value.size == 1 else random.standard_normal(value.shape).astype(value.dtype)
        layers = measured_layers(trial, value, arrives)
        rows = with_theory(layers, [row_of(layer) for layer in layers], rule.spread)
        verdict, reason = verdict_of(layers, rows)
    return RuleResult(name, rule.formula, verdict, reason, tuple([replace(row, rule=name) for row in rows]))


def fill(rule: Rule, module: Any, random: np.random.Generator) -> None:
    """Draw the weights of a module; a user's function that takes no ``rng`` uses the library's generator."""
    for tensor, is_bias in init.targets(module, "init_lab"):  # those that a user's function may leave as they are
        if is_bias:
            init.zeros_(tensor)
    try:
        takes = "rng" in inspect.signature(rule.fill).parameters
    except (TypeError, ValueError):
        takes = False
    rule.fill(module, **({"rng": random} if takes else {}))


def loss_of(output: Any, targets: Any, loss: Any) -> Any:
    """Return what is differentiated: the loss, or the output itself."""
    if not isinstance(output, Tensor):
        raise TypeError(f"init_lab: the model gave {type(output).__name__}; wanted one Tensor")
    if loss is not None:
        return loss(output) if targets is None else loss(output, targets)
    if targets is None:
        return output
    if targets.dtype.kind in "iu":
        if output.ndim != 2 or targets.shape != output.shape[:1]:
            raise ValueError(
                f"init_lab: class targets of shape {targets.shape} need logits (batch, classes), got {output.shape}; "
                "pass loss= for another loss"
            )
        return -log_softmax(output, -1)[np.arange(len(targets)), targets].mean()
    if targets.shape != output.shape:
        raise ValueError(f"init_lab: the model gave shape {output.shape}, but targets have {targets.shape}")
    return ((output - targets.astype(output.dtype)) ** 2).mean()
