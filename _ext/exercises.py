"""An exercise or a solution that does not end, or a solution of none, is a message with its chapter.

sphinx-exercise would end the build at the first of them, or name another page. Where one is found,
their fences are taken off the page, so that it can be read.
"""

import json
import re

from sphinx.util import logging

logger = logging.getLogger(__name__)

# The first line of a fence, and its options.
FENCE = re.compile(r"\{(exercise|solution)-(start|end)\} *(.*)((?:\n:[\w-]+:.*)*)")
WHOLE = re.compile(r"(?m)^(`{3,})\{(?:exercise|solution)-(?:start|end)\}(?s:.*?)^\1 *$")


def fences(text):
    """Names of exercises and of solutions in the text of a chapter; and what begins and does not
    end, has no name, or solves nothing."""
    names, faults, opened = {"exercise": [], "solution": []}, [], None
    for kind, edge, named, options in [*FENCE.findall(text), ("", "start", "", "")]:
        if opened and (edge == "start" or kind != opened[0]):
            faults.append("{0} {1} has no {{{0}-end}}".format(*opened))
        elif edge == "end" and not opened:
            faults.append(f"a {{{kind}-end}} stands where nothing has begun")
        opened = None
        if edge == "end" or not kind:
            continue
        label = re.search(r":label: (\S+)", options)
        name = label and label[1] if kind == "exercise" else named.strip()
        if not name:
            needed = {
                "exercise": ":label: below {exercise-start}",
                "solution": "name of its exercise",
            }
            faults.append(f"{kind} {len(names[kind]) + 1} of the chapter has no {needed[kind]}")
        names[kind].append(name)
        opened = kind, name or len(names[kind])
    if not faults:
        odd = [name for name in names["solution"] if name not in names["exercise"]]
        faults = [f"solution {name}: no exercise of the chapter has this label" for name in odd]
    return names, faults


def keep_what_ends(app, docname, source):
    if not app.env.doc2path(docname).endswith(".ipynb"):
        return
    nb = json.loads(source[0])
    texts = [cell for cell in nb["cells"] if cell["cell_type"] == "markdown"]
    for cell in texts:
        cell["source"] = "".join(cell["source"])
    _, faults = fences("\n\n".join(cell["source"] for cell in texts))
    for fault in faults:
        logger.warning(fault, location=docname, type="exercises")
    if faults:
        for cell in texts:
            cell["source"] = WHOLE.sub("", cell["source"])
        source[0] = json.dumps(nb)


def setup(app):
    # Later than doctrees.py, after which each notebook is JSON.
    app.connect("source-read", keep_what_ends, priority=600)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
