"""Make one of the book's Python environments, or bring it up to date with its lock.

    python3 tools/environment.py site     .venv/site: what the website needs
    python3 tools/environment.py full     .venv/full: everything; also runs and tests the chapters
    python3 tools/environment.py full-cpu .venv/full-cpu: the same, without the CUDA libraries
    python3 tools/environment.py tools    .venv/tools: what `make fonts`, `make audit`, `make browsers` need
    python3 tools/environment.py uv       .venv/uv: the installer of the others, which they bring

An environment counts only when its stamp is written, which is the last step; whatever was
interrupted before that is made anew by the next run.
"""

# Pythons that are too old for the book must be able to read this file, so that they can say so:
# nothing newer than Python 3.6 here.
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COSTS = {
    "uv": "0.1 GB, a few seconds",
    "site": "0.3 GB, about 20 seconds",
    "full": "6 GB, a minute or two, for PyTorch is large",
    "full-cpu": "2 GB, about a minute",
    "tools": "0.1 GB, a few seconds",
}
THIS_PYTHON = "{}.{}".format(*sys.version_info)
# Its builds for Linux are called +cpu; their hashes are not in the lock.
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
# The lines of a lock that the CPU build replaces, and those of what only the CUDA build needs.
PYTORCH = r"(?m)^(torch|torchvision)==(\S+) .*\n(?: .*\n)*"
CUDA = r"(?m)^(?:triton|nvidia-.*|cuda-.*)==.*\n(?: .*\n)*"


class Problem(Exception):
    """What stopped us, and what the user can do about it."""


def pythons():
    """Those that are promised, for each change is tested with them, and those that are tried."""
    return json.loads((ROOT / "requirements" / "pythons.json").read_text(encoding="utf-8"))


def check_this_python():
    if THIS_PYTHON not in sum(pythons().values(), []):
        *others, last = sorted(pythons()["promised"])
        raise Problem(
            f"This is Python {THIS_PYTHON}; the book needs Python {', '.join(others)} or {last}. "
            f"Install one of them and name it, for example: make book PYTHON=python{last}"
        )
    if os.name != "posix":
        raise Problem(
            "The book is made on Linux and macOS. On Windows use WSL, the Windows Subsystem for Linux."
        )
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        raise Problem(
            f"{sys.executable} lacks the standard modules venv and ensurepip. On Debian and "
            "Ubuntu: sudo apt install python3-venv. Then run the same command again."
        ) from None


def lock_of(folder):
    return ROOT / "requirements" / "{}.lock.txt".format(folder.name.partition("-")[0])


def wanted_stamp(folder):
    """What is in it, for which Python, and where: an environment cannot be moved."""
    digest = hashlib.sha256(lock_of(folder).read_bytes()).hexdigest()
    return f"{digest} Python {THIS_PYTHON} {folder}\n"


def stamp_of(folder):
    """Nothing, if its interpreter is gone."""
    alive = os.access(str(folder / "bin" / "python"), os.X_OK)
    stamp = folder / "stamp"
    return stamp.read_text(encoding="utf-8") if alive and stamp.exists() else ""


def is_up_to_date(folder):
    return stamp_of(folder) == wanted_stamp(folder)


def cache_folder():
    """Where uv keeps what it has fetched: in the user's own folder, if that can be written."""
    folder = os.path.join(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "uv")
    folder = os.path.expanduser(os.environ.get("UV_CACHE_DIR") or folder)
    try:
        if os.path.isabs(folder):
            os.makedirs(folder, exist_ok=True)
    except OSError:
        pass
    return folder if os.access(folder, os.W_OK) else str(ROOT / ".venv" / "cache")


def clean_variables():
    """The user's variables, without those that would install to another place.

    uv does not read pip's index variables: hand them on, for people behind a mirror.
    """
    env = dict(os.environ, PIP_USER="0", PIP_DISABLE_PIP_VERSION_CHECK="1")
    others = ["PIP_TARGET", "PIP_PREFIX", "UV_TARGET", "UV_PREFIX", "UV_REQUIRE_HASHES"]
    for other in others + ["PYTHONHOME", "PYTHONPATH"]:
        env.pop(other, None)
    if "PIP_INDEX_URL" in env and "UV_INDEX_URL" not in env:
        env.setdefault("UV_DEFAULT_INDEX", env["PIP_INDEX_URL"])
    if "PIP_EXTRA_INDEX_URL" in env and "UV_EXTRA_INDEX_URL" not in env:
        env.setdefault("UV_INDEX", env["PIP_EXTRA_INDEX_URL"])
    if "PIP_CERT" in env:
        env.setdefault("SSL_CERT_FILE", env["PIP_CERT"])
    # A version that a lock names is not too new, whatever the user's rule.
    env["UV_EXCLUDE_NEWER"] = "false"
    env["UV_CACHE_DIR"] = cache_folder()
    # As pip does: an authority that this machine trusts is known.
    if sys.platform == "darwin" or any(Path("/etc/ssl").glob("certs/*")):
        env.setdefault("UV_SYSTEM_CERTS", "1")
    return env


def run(*command):
    if subprocess.call([str(word) for word in command], env=clean_variables()) != 0:
        places = [str(ROOT), cache_folder(), os.environ.get("TMPDIR", "/tmp")]
        free = [
            f"{shutil.disk_usage(place).free / 1e9:.1f} GB in {place}"
            for place in places
            if os.path.isdir(place)
        ]
        raise Problem(
            "This failed; what went wrong stands above. Most often it is the network (behind a "
            "mirror or a proxy, set PIP_INDEX_URL or HTTPS_PROXY) or a disk ({} are free). Nothing "
            "half-made is left: run the same command again.".format(", ".join(free))
        )


def install(folder, anew):
    python, uv = folder / "bin" / "python", folder.with_name("uv") / "bin" / "uv"
    wheels, hashed = ["--only-binary", ":all:"], "--require-hashes"
    quiet = [] if sys.stderr.isatty() else ["--quiet"]
    lock = lock_of(folder)
    if folder.name == "uv":
        run(sys.executable, "-I", "-m", "venv", folder)
        run(python, "-I", "-m", "pip", "install", "--quiet", *wheels, hashed, "-r", lock)
        return
    if anew:
        run(uv, "venv", "--quiet", "--no-project", "--python", sys.executable, folder)
    pytorch = []
    # Elsewhere there is no CUDA build to be without.
    if folder.name.endswith("-cpu") and sys.platform == "linux":
        text = lock.read_text(encoding="utf-8")
        pytorch = [f"{name}=={version}+cpu" for name, version in re.findall(PYTORCH, text)]
        lock = folder / "lock.txt"
        lock.write_text(re.sub(PYTORCH, "", re.sub(CUDA, "", text)), encoding="utf-8")
    run(uv, "pip", "sync", *quiet, "--python", python, *wheels, hashed, lock)
    if pytorch:
        here = ["--python", python, *wheels, "--no-deps", "--index", CPU_INDEX]
        run(uv, "pip", "install", *quiet, *here, *pytorch)


def bring_up_to_date(folder):
    """Where only the lock is another, change only what differs."""
    stamp = wanted_stamp(folder)
    anew = folder.name == "uv" or stamp_of(folder).partition(" ")[2] != stamp.partition(" ")[2]
    name = f".venv/{folder.name}"
    print(f"Making {name} ({COSTS[folder.name]})." if anew else f"Updating {name}.", flush=True)
    try:
        # First of all, for uv cannot tell half a package from a whole one.
        if (folder / "stamp").exists():
            (folder / "stamp").unlink()
        if anew and folder.exists():
            shutil.rmtree(str(folder))
        install(folder, anew)
        (folder / "stamp").write_text(stamp, encoding="utf-8")
    except BaseException:
        shutil.rmtree(str(folder), ignore_errors=True)
        raise


def main(name):
    check_this_python()
    import fcntl

    venv = ROOT / ".venv"
    folders = [venv / "uv"] + [venv / name] * (name != "uv")
    if all(map(is_up_to_date, folders)):
        return
    venv.mkdir(exist_ok=True)
    with open(str(venv / "lock"), "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another run is making an environment: waiting for it.", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        for folder in folders:
            if not is_up_to_date(folder):
                bring_up_to_date(folder)


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in COSTS:
        sys.exit(__doc__)
    try:
        main(sys.argv[1])
    except KeyboardInterrupt:
        sys.exit("Interrupted. Nothing half-made is left.")
    except PermissionError as problem:
        sys.exit(
            f"\n{problem}\nThe book makes its environment and its website in its own folder: copy "
            "it to a place where you may write."
        )
    except (Problem, OSError) as problem:
        sys.exit(f"\n{problem}")
