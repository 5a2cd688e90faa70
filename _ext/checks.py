"""What a cell checks, and how: its metadata names equations and kinds, `_config.yml` the words.

"checks": {"eq-lse-shift": "symbolic"}      of a code cell; the kinds are in check_kinds
"""

import re
from collections import Counter

from doctrees import is_code_cell, number_of_equation
from sphinx.util import logging

logger = logging.getLogger(__name__)


def checks_of(metadata):
    """Label -> kind, of the equations that the cell with this metadata checks."""
    checks = metadata.get("checks", {})
    return {k: str(v) for k, v in checks.items()} if isinstance(checks, dict) else {}


def in_words(app, metadata):
    """Of the cell with this metadata, as: Check of (5.3), symbolic: fifty digits."""
    words = app.config.check_words
    checks = checks_of(metadata)
    numbers = {number_of_equation(app.env, label): kind for label, kind in checks.items()}
    known = {number: kind for number, kind in numbers.items() if number}
    start = f"{words['of']} {with_kinds(app, known)}" if known else words["check"]
    prompt = metadata.get("mystnb", {}).get("code_prompt_show", "")
    return f"{start}: {prompt}" if prompt else start


def with_kinds(app, kinds):
    """Of number -> kind, as: (5.3) and (5.4), symbolic, and (5.5), sampled."""
    groups = {}
    for number, kind in in_order(kinds).items():
        groups.setdefault(kind, []).append(number)
    parts = [f"{together(app, numbers)}, {kind}" for kind, numbers in groups.items()]
    return together(app, parts, comma=",")


def in_order(kinds):
    """As the equations follow each other; nbformat sorts the labels."""
    return dict(
        sorted(kinds.items(), key=lambda item: [int(n) for n in re.findall(r"\d+", item[0])])
    )


def together(app, parts, comma=""):
    *first, last = parts
    return f"{', '.join(first)}{comma} {app.config.check_words['and']} {last}" if first else last


def name_the_checks(app, doctree):
    """Each cell gets its checks, and for each an id, so that links can lead to it."""
    times = Counter()
    for cell in doctree.findall(is_code_cell):
        metadata = cell.get("cell_metadata") or {}
        cell["checks"], cell["places"] = checks_of(metadata), {}
        for label in cell["checks"]:
            times[label] += 1
            number = f"-{times[label]}" if times[label] > 1 else ""
            cell["places"][label] = f"checks-{label}{number}"
        cell["ids"] += cell["places"].values()
        for fault in faults(metadata, app.config.check_kinds):
            logger.warning(fault, location=cell, type="checks")


def faults(metadata, kinds):
    checks = checks_of(metadata)
    if checks != metadata.get("checks", {}):
        yield 'its checks are no pairs of a label and a kind: {"eq-a": "exact"}'
    for label, kind in checks.items():
        if kind not in kinds:
            yield f"its check of {label} is '{kind}': name one of {', '.join(kinds)}"


def setup(app):
    for name in ("check_kinds", "check_words"):
        app.add_config_value(name, {}, "env")
    app.connect("doctree-read", name_the_checks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
