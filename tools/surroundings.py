"""What every run of a chapter finds around it, so that it prints the same on every machine.

settle() is called before NumPy, PyTorch or a kernel starts: they read these variables once,
and kernels inherit them.
"""

import os

# Sums in one order, and no fight between runs that stand beside each other.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
# The user's, and they would change an output or switch off a warning.
FOREIGN = ["PYTHONPATH", "PYTHONWARNINGS", "PYTHONSTARTUP", "MPLBACKEND"]


def settle():
    os.environ |= ONE_THREAD
    for name in FOREIGN:
        os.environ.pop(name, None)
