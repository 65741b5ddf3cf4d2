"""A recorded graph as an immutable snapshot, and what is read from it: formulas, zoom levels, a replay in scalars."""
