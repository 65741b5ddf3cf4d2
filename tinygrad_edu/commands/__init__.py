"""What the longer commands of ``tinygrad-edu`` do; like ``cli``, they may use ``viz``, inside functions."""
