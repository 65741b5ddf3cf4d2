"""What PyTorch calls an operation, and the backward node it records for it: for those who go on to PyTorch."""

from __future__ import annotations

__all__ = ["PYTORCH", "phrase"]

# The op's name here: the call in PyTorch, the name of its grad_fn (of PyTorch 2)
PYTORCH = {
    "add": ("torch.add, x + y", "AddBackward0"),
    "subtract": ("torch.sub, x - y", "SubBackward0"),
    "multiply": ("torch.mul, x * y", "MulBackward0"),
    "divide": ("torch.div, x / y", "DivBackward0"),
    "negative": ("torch.neg, -x", "NegBackward0"),
    "power": ("torch.pow, x ** y", "PowBackward0"),
    "square": ("torch.square, x ** 2", "PowBackward0"),
    "sqrt": ("torch.sqrt", "SqrtBackward0"),
    "exp": ("torch.exp", "ExpBackward0"),
    "expm1": ("torch.expm1", "Expm1Backward0"),
    "log": ("torch.log", "LogBackward0"),
    "log1p": ("torch.log1p", "Log1PBackward0"),
    "absolute": ("torch.abs", "AbsBackward0"),
    "sin": ("torch.sin", "SinBackward0"),
    "cos": ("torch.cos", "CosBackward0"),
    "tan": ("torch.tan", "TanBackward0"),
    "tanh": ("torch.tanh", "TanhBackward0"),
    "sigmoid": ("torch.sigmoid", "SigmoidBackward0"),
    "relu": ("torch.relu", "ReluBackward0"),
    "leaky_relu": ("F.leaky_relu", "LeakyReluBackward0"),
    "elu": ("F.elu", "EluBackward0"),
    "gelu": ("F.gelu", "GeluBackward0"),
    "silu": ("F.silu", "SiluBackward0"),
    "softplus": ("F.softplus", "SoftplusBackward0"),
    "maximum": ("torch.maximum", "MaximumBackward0"),
    "minimum": ("torch.minimum", "MinimumBackward0"),
    "clip": ("torch.clamp", "ClampBackward1"),
    "where": ("torch.where", "WhereBackward0"),
    "sum": ("torch.sum", "SumBackward"),
    "mean": ("torch.mean", "MeanBackward"),
    "prod": ("torch.prod", "ProdBackward"),
    "var": ("torch.var", "VarBackward0"),
    "std": ("torch.std", "StdBackward0"),
    "max": ("torch.amax", "AmaxBackward0"),
    "min": ("torch.amin", "AminBackward0"),
    "logsumexp": ("torch.logsumexp", "LogsumexpBackward0"),
    "cumsum": ("torch.cumsum", "CumsumBackward0"),
    "matmul": ("torch.matmul, x @ y", "MmBackward0"),
    "transpose": ("x.T, x.permute", "TBackward0 or PermuteBackward0"),
    "reshape": ("x.reshape", "ViewBackward0"),
    "broadcast_to": ("x.expand", "ExpandBackward0"),
    "concatenate": ("torch.cat", "CatBackward0"),
    "stack": ("torch.stack", "StackBackward0"),
    "getitem": ("x[i]", "IndexBackward0, SelectBackward0 or SliceBackward0"),
    "log_softmax": ("F.log_softmax", "LogSoftmaxBackward0"),
    "softmax": ("F.softmax", "SoftmaxBackward0"),
    "convolve": ("F.conv2d", "ConvolutionBackward0"),
    "convolve_plus": ("F.conv2d", "ConvolutionBackward0"),
    "max_pool": ("F.max_pool2d", "MaxPool2DWithIndicesBackward0"),
}


def phrase(op: str) -> str:
    """Return what PyTorch calls an op; nothing where it has no word for it."""
    if op not in PYTORCH:
        return ""
    call, node = PYTORCH[op]
    return f"{call}; its grad_fn is {node}"
