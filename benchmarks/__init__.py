"""tinygrad_edu beside its peers: ratios of CPU time on one thread. ``python -m benchmarks --help``."""

import os

# One thread each: BLAS libraries read these once, when NumPy or PyTorch is imported, so this comes first.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")
