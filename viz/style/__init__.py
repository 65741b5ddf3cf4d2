"""How text, numbers and colours look: the same on every picture and page."""
