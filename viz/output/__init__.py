"""From a description to a file: layout by Graphviz, SVG, pages, and files written whole or not at all."""
