"""The bug zoo: mistakes that students make in a backward pass, put into a copy of a graph, to be found there.

>>> import tinygrad_edu as tg
>>> from viz import bugs
>>> x = tg.Tensor([1.0, 2.0], requires_grad=True, name="x")
>>> loss = (tg.tanh(x) ** 2).mean()
>>> wrong = bugs.inject(loss, "mean_without_n")
>>> tg.check_graph(wrong)
Traceback (most recent call last):
tinygrad_edu.engine.checking.GradcheckError: check_graph: mean: the rule mean_dx_mean_without_n of input x ...
"""

from viz.bugs.hunting import Hunt, hunt
from viz.bugs.injecting import describe, fitting, inject, names

__all__ = ["Hunt", "describe", "fitting", "hunt", "inject", "names"]
