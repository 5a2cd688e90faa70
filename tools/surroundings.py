"""What every run of a chapter finds around it, so that it prints the same on every machine.

settle() is called before NumPy, PyTorch or a kernel starts: they read these variables once,
and kernels inherit them.
"""

import os

# Sums in one order, and no fight between runs that stand beside each other.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def settle():
    os.environ |= ONE_THREAD
    # The user's switches of Python and matplotlib would change an output, or hide a warning.
    for name in list(os.environ):
        if name.startswith("PYTHON") or name == "MPLBACKEND":
            del os.environ[name]
