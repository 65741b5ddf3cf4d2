"""What is saved, taken apart: its arrays by name, and one JSON text that says how they and the rest hang together.

In the text a number, a string, a bool, None and a list stand for themselves; all else is an object with one key:
``{"array": name}``, ``{"tuple": [...]}``, ``{"dict": [[key, value], ...]}``, ``{"int": "0x..."}`` for what exceeds 64
bits, ``{"float": "nan"}``, ``{"complex": ["1.0", "nan"]}``, ``{"scalar": [dtype, bytes in hex]}`` for a NumPy scalar.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from tinygrad_edu.engine.tensor import Tensor
from tinygrad_edu.files.dtypes import NUMBERS, dtype_of, is_storable

__all__ = ["FORMAT", "NAME", "Packed", "pack", "parsed", "unpack"]

Array = np.ndarray[Any, Any]
FORMAT = "tinygrad_edu 1"
NAME = "tinygrad_edu.json"  # of the entry that holds the text
DEEPEST = 100
LONGEST_NAME = 200
LONGEST_INT = 20  # digits of 64 bits, and a sign


class Packed(NamedTuple):
    """Arrays by the name of their entry, the text, and whether it says no more than the names do."""

    arrays: dict[str, Array]
    text: str
    flat: bool


def pack(obj: Any, holds: Callable[[np.dtype[Any]], bool]) -> Packed:
    """Take an object apart; ``holds`` says whether the format holds arrays of a dtype.

    Raises TypeError that names the place of what can't be saved, ValueError for what holds itself.
    """
    packer = Packer(holds)
    tree = packer.node(obj, ())
    names = list(packer.arrays)
    flat = tree == {"dict": [[name, {"array": name}] for name in names]}
    text = json.dumps({"format": FORMAT, "tree": tree}, allow_nan=False)
    return Packed(packer.arrays, text, flat)


class Packer:
    """Collects arrays under free names while it writes down what holds them."""

    def __init__(self, holds: Callable[[np.dtype[Any]], bool]) -> None:
        self.holds = holds
        self.arrays: dict[str, Array] = {}

    def node(self, value: Any, path: tuple[str, ...]) -> Any:
        """Return what stands for a value in the text."""
        if len(path) > DEEPEST:
            raise ValueError(f"save: {place(path[:5])} goes on for more than {DEEPEST} levels; does it hold itself?")
        if isinstance(value, Tensor):
            return self.array(value.data, path)
        if isinstance(value, np.ndarray):
            return self.array(value, path)
        if value is None or isinstance(value, (bool, str, int, float, complex, np.generic)):
            return self.scalar(value, path)
        if isinstance(value, Mapping):
            return {"dict": [[self.key(key, path), self.node(held, (*path, str(key)))] for key, held in value.items()]}
        if isinstance(value, (list, tuple)):
            held = [self.node(item, (*path, str(i))) for i, item in enumerate(value)]
            return held if isinstance(value, list) else {"tuple": held}
        if callable(getattr(value, "state_dict", None)) and not isinstance(value, type):
            return self.node(value.state_dict(), path)
        raise TypeError(
            f"save: {place(path)} is a {type(value).__name__}; only arrays, Tensors, numbers, strings, bools, None, "
            "what has a state_dict(), and dicts, lists and tuples of these can be saved"
        )

    def scalar(self, value: Any, path: tuple[str, ...]) -> Any:
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return str(value)
        if isinstance(value, np.generic):
            if value.dtype.kind not in NUMBERS:
                raise TypeError(f"save: {place(path)} is a NumPy {value.dtype}, which can't be saved; convert it")
            return {"scalar": [value.dtype.str, value.tobytes().hex()]}
        if isinstance(value, int):
            return int(value) if -(2**63) <= value < 2**63 else {"int": hex(value)}
        if isinstance(value, float):
            return float(value) if math.isfinite(value) else {"float": str(float(value))}
        return {"complex": [str(float(value.real)), str(float(value.imag))]}

    def key(self, key: Any, path: tuple[str, ...]) -> Any:
        if key is not None and not isinstance(key, (bool, str, int, float, np.generic)):
            raise TypeError(
                f"save: {place(path)} has a key of type {type(key).__name__}; use strings, numbers, bools or None"
            )
        return self.scalar(key, path)

    def array(self, array: Array, path: tuple[str, ...]) -> dict[str, str]:
        if array.dtype.hasobject:
            raise TypeError(
                f"save: {place(path)} is an array of dtype {array.dtype}, which only pickle could write, and a pickle "
                "can run anything when loaded; convert it with .astype, or save a list"
            )
        if not self.holds(array.dtype):
            advice = "save as .npz" if is_storable(array.dtype) else "convert it with .astype"
            raise TypeError(f"save: {place(path)} has dtype {array.dtype}, which the file can't hold; {advice}")
        if isinstance(array, np.ma.MaskedArray):
            raise TypeError(f"save: {place(path)} is a masked array; save its .data and its .mask")
        name = "/".join(path) or "array"
        number = len(self.arrays)
        while name in self.arrays or not is_plain(name):
            name, number = f"array_{number}", number + 1
        self.arrays[name] = np.asarray(array)  # less what a subclass adds
        return {"array": name}


def place(path: tuple[str, ...]) -> str:
    """Say where in the saved object something is, for a message."""
    return "/".join(path)[:LONGEST_NAME] or "the object"


def is_plain(name: str) -> bool:
    """Whether a name is safe and clear in every program that opens or unpacks the file."""
    parts = name.split("/")
    return (
        len(name) <= LONGEST_NAME
        and name.isprintable()
        and "\\" not in name
        and not any(part in ("", ".", "..") for part in parts)
        and not name.endswith(".npy")
        and name not in (NAME, "__metadata__")
    )


def unpack(arrays: dict[str, Array], text: str | None) -> Any:
    """Put together what was taken apart; without a text, the dict of arrays. ValueError if they do not fit."""
    if text is None:
        return arrays
    document = parsed(text)
    if not isinstance(document, dict) or set(document) != {"format", "tree"}:
        raise ValueError(f"{NAME} is not of tinygrad_edu")
    if document["format"] != FORMAT:
        raise ValueError(f"its format is {document['format']!r}, and this version reads {FORMAT!r}")
    left = dict(arrays)
    found = value(document["tree"], left, 0)
    if left:
        raise ValueError(f"nothing says where the array {next(iter(left))!r} belongs")
    return found


def value(node: Any, arrays: dict[str, Array], depth: int) -> Any:
    """Return what a node of the text stands for, and take its arrays out of ``arrays``."""
    if depth > DEEPEST:
        raise ValueError(f"it has more than {DEEPEST} levels")
    if isinstance(node, list):
        return [value(item, arrays, depth + 1) for item in node]
    match one_key(node):
        case {"array": str(name)}:
            if name not in arrays:
                raise ValueError(f"the array {name[:LONGEST_NAME]!r} is missing, or wanted twice")
            return arrays.pop(name)
        case {"tuple": list(items)}:
            return tuple([value(item, arrays, depth + 1) for item in items])
        case {"dict": list(pairs)}:
            held = {scalar(key): value(item, arrays, depth + 1) for key, item in pairs}
            if len(held) != len(pairs):
                raise ValueError("a dict has the same key twice")
            return held
    return scalar(node)


def scalar(node: Any) -> Any:
    """Return the number, string, bool or None that a node of the text stands for."""
    match one_key(node):
        case None | bool() | int() | float() | str():
            return node
        case {"int": str(digits)}:
            return int(digits, 16)
        case {"float": str(number)}:
            return float(number)
        case {"complex": [str(real), str(imaginary)]}:
            return complex(float(real), float(imaginary))
        case {"scalar": [str(name), str(digits)]}:
            return numpy_scalar(name, bytes.fromhex(digits))
    raise ValueError(f"its text has an unknown part, {str(node)[:60]}")


def one_key(node: Any) -> Any:
    if isinstance(node, dict) and len(node) != 1:
        raise ValueError(f"its text has an object with {len(node)} keys instead of one")
    return node


def numpy_scalar(name: str, content: bytes) -> Any:
    dtype = dtype_of(name)
    if dtype.kind not in NUMBERS or dtype.itemsize != len(content):
        raise ValueError(f"a scalar of dtype {name} has {len(content)} bytes")
    return np.frombuffer(content, dtype)[0]


def parsed(text: str | bytes) -> Any:
    """Read JSON as the standard has it: no key twice, no NaN, and no number that takes long to read."""
    return json.loads(text, object_pairs_hook=once_each, parse_constant=refused, parse_int=short_int)


def once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    held = dict(pairs)
    if len(held) != len(pairs):
        raise ValueError("an object in its text has the same key twice")
    return held


def refused(word: str) -> Any:
    raise ValueError(f"its text has {word}, which is no JSON")


def short_int(digits: str) -> int:
    if len(digits) > LONGEST_INT:
        raise ValueError("its text has an integer of more than 64 bits")
    return int(digits)
