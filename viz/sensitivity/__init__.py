"""How an output depends on one value: by moving it a little, and along every path that leads from it to the output."""
