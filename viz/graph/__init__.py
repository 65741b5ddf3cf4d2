"""The picture of a graph: a Trace folded for a zoom level, its boxes and edges as DOT, and what shows and saves it."""
