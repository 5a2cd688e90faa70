"""What every run of a chapter finds around it, so that it prints the same on every machine.

settle() is called before NumPy, PyTorch or a kernel starts: they read these variables once,
and kernels inherit them.
"""

import os
import sys

# Sums in one order, and no fight between runs that stand beside each other.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def settle():
    os.environ |= ONE_THREAD
    # The user's switches of Python and matplotlib would change an output, or hide a warning.
    for name in list(os.environ):
        if name.startswith("PYTHON") or name == "MPLBACKEND":
            del os.environ[name]
    if os.access(sys.prefix, os.W_OK):
        os.environ["MPLCONFIGDIR"] = os.path.join(sys.prefix, "matplotlib")


def build_font_cache():
    """To be called before a chapter runs: in it, matplotlib would print a warning."""
    import matplotlib.font_manager  # noqa: F401
