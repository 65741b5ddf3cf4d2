"""What a command refuses before it starts to work: names, seeds, and places where nothing can be written."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

__all__ = ["refuse_examples", "refuse_file", "refuse_names", "refuse_places", "refuse_seed"]


def refuse_names(name: str, *more: str) -> None:
    """Raise unless there is an example of this name; of a model, say which command is for models. more: other names."""
    from tinygrad_edu.models.catalogue import CATALOGUE, bare_name
    from tinygrad_edu.models.examples import EXAMPLES

    known = [*EXAMPLES, *more]
    if name in more or name.replace("-", "_") in EXAMPLES:
        return
    near = get_close_matches(name, known, 1)
    said = f"; did you mean {near[0]}?" if near else ""
    model = next((key for key in CATALOGUE if bare_name(key) == bare_name(name)), None)
    if model is not None:
        said = f"; {model} is a model: tinygrad-edu architecture {model} draws it, summary {model} lists its layers"
        said += ", step lenet5 walks through it" if model == "lenet5" else ""
    raise ValueError(f"no example {name!r}; there are {', '.join(known)}{said}")


def refuse_examples(name: str) -> None:
    """Raise for an example that is no model: what draws models does not draw it."""
    from tinygrad_edu.models.catalogue import CATALOGUE
    from tinygrad_edu.models.examples import EXAMPLES

    if name in EXAMPLES and name not in CATALOGUE:
        raise ValueError(f"{name} is an example, not a model: tinygrad-edu draw {name} draws it")


def refuse_seed(seed: int) -> None:
    """Raise for a seed that no generator takes."""
    if seed < 0:
        raise ValueError(f"--seed must be 0 or greater, got {seed}")


def refuse_file(folder: Path) -> None:
    """Raise for a file where a folder is wanted."""
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"{folder} is a file; give a folder with --out")


def refuse_places(path: Path | None, *suffixes: str) -> None:
    """Raise for a file in a folder that does not exist, or of none of these suffixes."""
    if path is None:
        return
    if suffixes and path.suffix.lower() not in suffixes:
        raise ValueError(f"the suffix {path.suffix!r} of {path} is none of {', '.join(suffixes)}")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"the folder {path.parent} does not exist; create it first")
