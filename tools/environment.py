"""Make one of the book's Python environments, or do nothing if it is up to date.

    python3 tools/environment.py site     .venv/site: what the website needs
    python3 tools/environment.py full     .venv/full: everything; also runs and tests the chapters

It installs exactly the files that the lock in requirements/ names, each checked against
its hash. An environment counts only when its stamp is written, which is the last step;
whatever was interrupted before that is removed by the next run.
"""

# This file must be readable by Pythons that are too old for the book, so that they can
# say so: nothing newer than Python 3.6 here.
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHONS = [(3, 11), (3, 12), (3, 13)]
NEEDS = {"site": "0.3 GB", "full": "6 GB"}
TAKES = {"site": "about 20 seconds", "full": "a minute or two, for PyTorch is large"}


class Problem(Exception):
    """What stopped us, and what the user can do about it."""


def check_this_python():
    if sys.version_info[:2] not in PYTHONS:
        raise Problem(
            "This is Python {}.{}; the book needs Python 3.11, 3.12 or 3.13. Install one "
            "of them and name it, for example: make book PYTHON=python3.12".format(
                *sys.version_info
            )
        )
    if os.name != "posix":
        raise Problem(
            "This script knows Linux and macOS. On Windows use WSL, or the plain pip "
            "commands in README.md."
        )
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        raise Problem(
            "{} lacks the standard modules venv and ensurepip. On Debian and Ubuntu: "
            "sudo apt install python3-venv. Then run the same command again.".format(sys.executable)
        ) from None


def wanted_stamp(name, folder):
    """What the environment depends on: another stamp means another environment."""
    locks = [ROOT / "requirements" / (n + ".lock.txt") for n in ("uv", name)]
    digest = hashlib.sha256(b"".join(lock.read_bytes() for lock in locks)).hexdigest()
    return "{} Python {}.{} {}\n".format(digest, *sys.version_info[:2], folder)


def is_up_to_date(folder, stamp):
    try:
        made_for = (folder / "stamp").read_text(encoding="utf-8")
        alive = subprocess.call([str(folder / "bin" / "python"), "-I", "-S", "-c", ""])
    except OSError:
        return False
    return made_for == stamp and alive == 0


def clean_variables():
    """The user's variables, without those that would install to another place.

    uv does not read pip's index variables: hand them on, for people behind a mirror.
    """
    env = dict(os.environ, PIP_USER="0", PIP_DISABLE_PIP_VERSION_CHECK="1")
    for other in ("PIP_TARGET", "PIP_PREFIX", "UV_TARGET", "UV_PREFIX", "PYTHONHOME"):
        env.pop(other, None)
    if "PIP_INDEX_URL" in env and "UV_INDEX_URL" not in env:
        env.setdefault("UV_DEFAULT_INDEX", env["PIP_INDEX_URL"])
    if "PIP_EXTRA_INDEX_URL" in env and "UV_EXTRA_INDEX_URL" not in env:
        env.setdefault("UV_INDEX", env["PIP_EXTRA_INDEX_URL"])
    if "PIP_CERT" in env:
        env.setdefault("SSL_CERT_FILE", env["PIP_CERT"])
    if sys.platform == "darwin" or any(Path("/etc/ssl").glob("certs/*")):
        env.setdefault("UV_SYSTEM_CERTS", "1")  # as pip does: a firm's own authority is known
    return env


def make(name, folder):
    python = str(folder / "bin" / "python")
    locks = {n: str(ROOT / "requirements" / (n + ".lock.txt")) for n in ("uv", name)}
    hashed = ["--only-binary", ":all:", "--require-hashes", "-r"]
    quiet = [] if sys.stderr.isatty() else ["--quiet"]
    pip = [python, "-I", "-m", "pip", "install", "--quiet"]
    uv = [str(folder / "bin" / "uv"), "pip", "install", "--python", python] + quiet
    for command in (
        [sys.executable, "-I", "-m", "venv", str(folder)],
        pip + hashed + [locks["uv"]],
        uv + hashed + [locks[name]],
    ):
        if subprocess.call(command, env=clean_variables()) != 0:
            raise Problem(
                "Making {} failed; what went wrong stands above. Most often it is the "
                "network (behind a mirror or a proxy, set PIP_INDEX_URL or HTTPS_PROXY) "
                "or the disk (it needs {}, and {:.1f} GB are free here). Nothing half-made "
                "is left: run the same command again.".format(
                    folder.relative_to(ROOT), NEEDS[name], shutil.disk_usage(str(ROOT)).free / 1e9
                )
            )


def main(name):
    check_this_python()
    import fcntl

    folder = ROOT / ".venv" / name
    stamp = wanted_stamp(name, folder)
    if is_up_to_date(folder, stamp):
        return
    folder.parent.mkdir(exist_ok=True)
    with open(str(folder) + ".lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another run is making .venv/{}: waiting for it.".format(name))
            fcntl.flock(lock, fcntl.LOCK_EX)
        if is_up_to_date(folder, stamp):
            return
        print("Making .venv/{} ({}, {}).".format(name, NEEDS[name], TAKES[name]), flush=True)
        try:
            if folder.exists():
                shutil.rmtree(str(folder))
            make(name, folder)
            (folder / "stamp").write_text(stamp, encoding="utf-8")
        except BaseException:
            shutil.rmtree(str(folder), ignore_errors=True)
            raise


if __name__ == "__main__":
    if sys.argv[1:] not in (["site"], ["full"]):
        sys.exit(__doc__)
    try:
        main(sys.argv[1])
    except KeyboardInterrupt:
        sys.exit("Interrupted. Nothing half-made is left.")
    except PermissionError as problem:
        sys.exit(
            "\n{}\nThe book makes its environment and its website in its own folder: copy "
            "it to a place where you may write.".format(problem)
        )
    except (Problem, OSError) as problem:
        sys.exit("\n{}".format(problem))
