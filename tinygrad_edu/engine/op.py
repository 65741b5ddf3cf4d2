"""An op: a forward function on arrays, and one rule per input that says how gradients flow back.

A rule touches its arguments only by operators, by the methods ``sum reshape transpose T astype`` and by other
ops. So the same lines can be handed arrays (the gradient), Tensors (the gradient, recorded, to be differentiated
again) or Symbols (the formula that is shown).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, overload

from numpy import ndarray

from tinygrad_edu.engine.own import is_own, refuse_signature, watched_forward, watched_rule

__all__ = ["Op", "elementwise", "op"]

Function = TypeVar("Function", bound=Callable[..., Any])
_VARIADIC = 0x04  # CO_VARARGS, see the standard library's inspect module


class Op:
    """A differentiable function of arrays, with a rule per input.

    Positional arguments of ``forward`` are arrays, keyword-only ones are parameters (``axis=``). ``forward`` may be
    handed arrays of float, of complex (a complex-step check) or of objects (a scalar replay).

    Called on arrays an op computes; called on anything that has ``__apply_op__`` (a Tensor, a Symbol) it asks that.
    """

    def __init__(
        self,
        forward: Callable[..., Any],
        *,
        symbol: str | None = None,
        notation: str = "call",
        elementwise: bool = False,
        differentiable: bool = True,
    ) -> None:
        code = getattr(forward, "__code__", None)
        if code is None:
            raise TypeError(
                f"Op: wanted a Python function of arrays, got {forward!r}; wrap it: def name(x): return ...forward(x)"
            )
        self.own = is_own(forward)  # made by a user: watched for mistakes
        self.forward = watched_forward(self, forward) if self.own else forward
        self.name: str = forward.__name__
        self.__doc__ = forward.__doc__
        self.symbol = symbol or self.name
        self.notation = notation
        self.elementwise = elementwise
        self.differentiable = differentiable
        self.variadic = bool(code.co_flags & _VARIADIC)
        fixed = code.co_argcount
        named = fixed + code.co_kwonlyargcount
        self.inputs: tuple[str, ...] = (code.co_varnames[named],) if self.variadic else code.co_varnames[:fixed]
        if self.variadic and fixed:
            raise TypeError(f"{self.name}: take either named inputs or *inputs, not both")
        if self.own:
            refuse_signature(self.name, forward, self.inputs)
        self.params: tuple[str, ...] = code.co_varnames[fixed:named]
        self.defaults: dict[str, Any] = dict(forward.__kwdefaults__ or {})
        self.rules: tuple[Callable[..., Any], ...] = tuple([missing_rule(self.name, name) for name in self.inputs])
        self.constants: frozenset[str] = frozenset()
        self.scalars: Callable[..., Any] | None = None
        self.steps: Callable[..., Any] | None = None
        self.explain: Callable[..., str | None] | None = None

    def __init_subclass__(cls) -> None:
        raise TypeError(
            f"{cls.__name__}: an op is no subclass but a function with rules: @tg.primitive above def forward(x), then "
            '@forward.vjp("x") above def forward_dx(g, out, x)'
        )

    def __call__(self, *args: Any, **params: Any) -> Any:
        """Compute on arrays, or let the first argument that knows ops (Tensor, Symbol) take over."""
        if self.defaults:
            params = {**self.defaults, **params}
        for x in args:
            if type(x) is not ndarray and hasattr(type(x), "__apply_op__"):
                return x.__apply_op__(self, args, params)
        return self.forward(*args, **params)

    def __repr__(self) -> str:
        return f"<op {self.name}({', '.join(self.inputs)})>"

    def vjp(self, name: str) -> Callable[[Function], Function]:
        """Declare the rule of input ``name``: ``(g, out, *inputs, **params)`` to the gradient of that input.

        ``g`` is the gradient of the output and has its shape. The rule may return the shape that broadcasting made:
        the sum back to the input's shape, and the cast to its dtype, happen in one place after it. The rule of an
        op with ``*inputs`` also gets ``position=``.
        """

        def declare(rule: Function) -> Function:
            self._set_rule(name, rule)
            return rule

        self._position(name)
        return declare

    def constant(self, *names: str) -> None:
        """Declare inputs that have no gradient: a mask, indices."""
        for name in names:
            self._set_rule(name, no_gradient)

    def _set_rule(self, name: str, rule: Callable[..., Any]) -> None:
        position = self._position(name)
        if self.own and rule is not no_gradient:
            rule = watched_rule(self, name, rule)
        self.rules = (*self.rules[:position], rule, *self.rules[position + 1 :])
        self.constants = self.constants | {name} if rule is no_gradient else self.constants - {name}

    def scalar_form(self, function: Function) -> Function:
        """Declare how to compute on object arrays of 0-d Tensors, for a forward that chooses, masks or needs floats."""
        self.scalars = function
        return function

    def opens(self, function: Function) -> Function:
        """Declare the readable twin of a fused op: the same function, with the same signature, in smaller ops.

        Pictures of primitives and of scalars open the op into it; ``tg.unfused()`` runs it in the op's place.
        """
        self.steps = function
        return function

    def explains(self, function: Function) -> Function:
        """Declare ``(*arrays, **params) -> str | None``: what to tell a user whose call failed, in one sentence."""
        self.explain = function
        return function

    def rule_of(self, position: int) -> Callable[..., Any] | None:
        """Return the rule of the input at ``position``; None for a constant."""
        rule = self.rules[0 if self.variadic else position]
        return None if rule is no_gradient else rule

    def input_name(self, position: int) -> str:
        """Return what the op calls its input at ``position``: ``x``, or ``xs[2]``."""
        return f"{self.inputs[0]}[{position}]" if self.variadic else self.inputs[position]

    def special(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return the parameters that are not as they would be without being told."""
        return {key: value for key, value in params.items() if key not in self.defaults or self.defaults[key] != value}

    def _position(self, name: str) -> int:
        if callable(name):
            raise TypeError(f"{self.name}: name the input that a rule is for: @{self.name}.vjp({self.inputs[0]!r})")
        if name not in self.inputs:
            raise ValueError(f"{self.name} has no input {name!r}; its inputs are {', '.join(self.inputs)}")
        return self.inputs.index(name)


def no_gradient(*args: Any, **params: Any) -> None:
    """The rule of an input that was declared constant."""


def missing_rule(op_name: str, name: str) -> Callable[..., Any]:
    """Return the rule of an input for which none was declared: it says so."""

    def missing(*args: Any, **params: Any) -> Any:
        raise TypeError(
            f"{op_name}: no rule for its input {name!r}, which needs a gradient; declare one with "
            f"@{op_name}.vjp({name!r}), or {op_name}.constant({name!r}) if it has none"
        )

    return missing


@overload
def op(forward: Callable[..., Any], /) -> Op: ...
@overload
def op(
    *, symbol: str | None = ..., notation: str = ..., differentiable: bool = ...
) -> Callable[[Callable[..., Any]], Op]: ...


def op(forward: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Make an op of a forward function; a decorator, with or without options.

    symbol: how formulas write it. notation: ``call`` f(x), ``infix`` x + y, ``prefix`` −x, ``postfix`` xᵀ, ``power``,
    ``fraction``, ``root``, ``bars`` |x|, ``index`` x[i], ``arrange`` for what moves elements only.
    differentiable: False for counts, comparisons and sorts, which give plain arrays on Tensors too.
    """
    if forward is not None:
        return Op(forward, **options)
    return lambda function: Op(function, **options)


@overload
def elementwise(forward: Callable[..., Any], /) -> Op: ...
@overload
def elementwise(
    *, symbol: str | None = ..., notation: str = ..., differentiable: bool = ...
) -> Callable[[Callable[..., Any]], Op]: ...


def elementwise(forward: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Make an op that acts on each element alone, and broadcasts its inputs as NumPy does; see ``op``."""
    return op(forward, elementwise=True, **options) if forward else op(elementwise=True, **options)  # type: ignore[call-overload]
