"""The plain copies of the chapters: nothing raw is left in them, nothing of the page is lost, and
their cells are those of the chapters."""

import html
import json
import os
import re
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import lab
import links
import nbformat
import pytest
import small_book
from book import CHAPTERS, ROOT, TITLE, read, source
from jupyterlab_server.config import get_page_config
from nbformat.sign import NotebookNotary
from test_gate import nbval
from test_repository import jobs, program
from website import build, built, once, run

NOTE = "A figure that is not shown appears when its cell is run, or once the notebook is trusted."
# What no viewer of notebooks knows.
RAW = re.compile(
    r"\{[\w:-]+\}`|^\([\w-]+\)=|\$\$ *\(|\(eq-|^ *(```|:::)\{|-(start|end)\}|\(explorer:|\]\(#|⚠"
    r"|\]\([^):]*\.(ipynb|md)",
    re.MULTILINE,
)


def words(nb):
    return "\n\n".join(source(cell) for cell in nb["cells"] if cell["cell_type"] == "markdown")


def code(nb):
    return [cell for cell in nb["cells"] if cell["cell_type"] == "code"]


def letters(text):
    """What is left to compare when formulas, tags, marks and quotes are gone."""
    text = re.sub(r"(?s)\$\$.*?\$\$|\$[^$]*\$|<math.*?</math>", " ", text)
    text = html.unescape(re.sub(r"</?\w[^>]*>", " ", text))
    return " ".join(re.sub(r"[^\w(),.:;?!&+-]|_", " ", text).split())


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_a_copy_has_the_cells_of_its_chapter_and_no_myst(site, chapter):
    copy, original = read(site / "notebooks" / chapter.name), read(chapter)
    assert code(copy) == code(original)
    assert copy["metadata"] == original["metadata"]
    assert [m[0] for m in RAW.finditer(words(copy))] == []
    ids = [cell["id"] for cell in copy["cells"]]
    assert len(set(ids)) == len(ids)
    assert all(source(cell).strip() for cell in copy["cells"])
    # In their old order, with captions between them.
    old = [cell["id"] for cell in original["cells"]]
    beside = [i for i in ids if i.endswith(("-caption", "-check"))]
    assert [i for i in ids if i not in beside] == [i for i in old if i in set(ids)]


# What a page shows, and no copy may lose.
SHOWN = {
    "heading": r'(?s)<h[1-6]>(.*?)<a class="headerlink"',
    "title of a box": r'<p class="admonition-title">(?!Solution)(.*?)</p>',
    "equation": r'<span class="eqno">(.*?)<a class="headerlink"',
    "caption": r'(?s)<figcaption>\s*<p>(.*?)<a class="headerlink"',
    "citation": r'<span class="bibtex-citation"[^>]*>(.*?)</span>',
    "word in bold": r"<strong>(.*?)</strong>",
}


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_a_copy_has_what_the_page_shows(site, chapter):
    page = (site / "chapters" / f"{chapter.stem}.html").read_text(encoding="utf-8")
    page = page.partition("<article")[2].partition("</article>")[0]
    # A figure comes alive on its page alone.
    page = re.sub(r'(?s)<section class="live".*?</section>', "", page)
    page = re.sub(r'<span class="section-number">.*?</span>', "", page)
    copy = words(read(site / "notebooks" / chapter.name))
    copy = letters(re.sub(r"\\tag\{(.*?)\}\n\$\$", r"$$ (\1)", copy))
    for kind, pattern in SHOWN.items():
        shown = [letters(text) for text in re.findall(pattern, page)]
        assert shown or kind != "heading"
        if kind == "citation":
            # The order and the brackets are other ones.
            shown = [word.strip(",") for text in shown for word in text.split()]
        assert [text for text in shown if text not in copy] == [], kind
    assert len(re.findall(r"\bSolution \d", copy)) == page.count(">Solution</p>") > 0


SHORTEST = "04_softmax"  # to run


def test_a_copy_runs_and_gives_what_is_stored(site, tmp_path):
    shutil.copy(site / "notebooks" / f"{SHORTEST}.ipynb", tmp_path)
    report, said = nbval(tmp_path)
    assert not said and " passed" in report and "failed" not in report, report


# What each rule makes of a piece of MyST: where the website has an address, and where it has none.

BOOK = "https://someone.github.io/fork/"
PAGE = f"{BOOK}chapters/02_more.html"
FIRST = f"{BOOK}chapters/01_short.html"
RULES = {
    "(more-start)=\n# A second chapter, and *more*": (
        f"# A second chapter, and *more*\n\n*Chapter 2 of [{TITLE}]({PAGE}). {NOTE}*",
        f"# A second chapter, and *more*\n\n*Chapter 2 of {TITLE}. {NOTE}*",
    ),
    "(more-here)=\n## The log's `base`\n\nWords.": "## The log's `base`\n\nWords.",
    "$$\nx_1 = y , % as it was\n$$ (eq-more-one)": "$$\nx_1 = y , % as it was \\tag{2.1}\n$$",
    "- A list:\n\n  $$\n  a = b\n  $$ (eq-more-two)": "- A list:\n\n  $$\n  a = b \\tag{2.2}\n  $$",
    "By {eq}`eq-more-one`, {eq}`eq-small-log2`.": (
        f"By [(2.1)]({PAGE}#equation-eq-more-one), [(1.1)]({FIRST}#equation-eq-small-log2).",
        "By (2.1), (1.1).",
    ),
    "{numref}`fig-a` and {ref}`ex-more` in {ref}`more-here`": (
        f"[Fig. 1.1]({FIRST}#fig-a) and [Exercise 2.1]({PAGE}#ex-more) in "
        f"[The log's base]({PAGE}#more-here)",
        "Fig. 1.1 and Exercise 2.1 in The log's base",
    ),
    "[As said](#more-here), [the log's base](#more-here), [there](#fig-a), [$[0, 1)$](#more-here)": (
        f"[As said]({PAGE}#more-here), [the log's base]({PAGE}#more-here), [there]({FIRST}#fig-a), "
        f"[$[0, 1)$]({PAGE}#more-here)",
        "As said (*The log's `base`*), the log's base, there (chapter 1, *The definition of "
        "entropy*), $[0, 1)$ (*The log's `base`*)",
    ),
    "[chapter 1](01_short.ipynb), [words](../appendix/terms.md), [x](explorer:z=1,2&y=0)": (
        f"[chapter 1]({FIRST}), [words]({BOOK}appendix/terms.html), "
        f"[x]({BOOK}explorer.html#z=1,2&y=0)",
        "chapter 1, words (*Index*), x (*The explorer*)",
    ),
    "{cite:t}`brier1950` and {cite:p}`kahan1965, pytorch-11551`": (
        "Brier (1950) and ([Kahan, 1965](https://doi.org/10.1145/363707.363723); "
        "[CrossEntropyLoss, ignore\\_index does not prevent back-prop if the logits are -inf, 2018]"
        "(https://github.com/pytorch/pytorch/issues/11551))"
    ),
    "Before\n```{admonition} Pitfall: $x$\n:class: warning\nBy {eq}`eq-more-one`:\n\n$$\na\n$$\n```\n"
    "after": (
        f"Before\n> **Pitfall: $x$**\n>\n> By [(2.1)]({PAGE}#equation-eq-more-one):\n>\n> $$ a $$\n"
        "\nafter",
        "Before\n> **Pitfall: $x$**\n>\n> By (2.1):\n>\n> $$ a $$\n\nafter",
    ),
    ":::{note}\nOf colons.\n:::": "> **Note**\n>\n> Of colons.",
    "```{exercise-start} By hand\n:label: ex-more\n```\nHow?\n```{exercise-end}\n```": (
        "#### Exercise 2.1 (By hand)\n\nHow?"
    ),
    "```{solution-start} ex-more\n:class: dropdown\n```\nSo.": "#### Solution 2.1\n\nSo.",
    "```{solution-end}\n```": None,
    "`{eq}` and `` [a](#b) `` and $\\{x\\}$\n\n```python\n[a](#b)\n\n\n(c)=\n```": (
        "`{eq}` and `` [a](#b) `` and $\\{x\\}$\n\n```python\n[a](#b)\n\n\n(c)=\n```"
    ),
}


def build_second_chapters(folder):
    cells = [text(number, written) for number, written in enumerate(RULES)]
    small_book.write(folder / "source", second=cells)
    address = {"BOOK_REPOSITORY_URL": "https://github.com/someone/fork"}
    with ThreadPoolExecutor() as pool:
        for done in [
            pool.submit(built, folder / "source", folder / name, **variables)
            for name, variables in {"with": address, "without": {}}.items()
        ]:
            done.result()
    return folder


def text(number, written):
    return {"cell_type": "markdown", "id": f"text-{number}", "metadata": {}, "source": written}


@pytest.mark.parametrize("place, address", [(0, "with"), (1, "without")])
def test_every_rule_with_and_without_an_address(tmp_path_factory, place, address):
    folder = once(tmp_path_factory, "second-chapters", build_second_chapters)
    notebooks = folder / address / "_build" / "html" / "notebooks"
    wanted = [rule[place] if isinstance(rule, tuple) else rule for rule in RULES.values()]
    found = [source(cell) for cell in read(notebooks / "02_more.ipynb")["cells"]]
    assert found == [words for words in wanted if words is not None]
    first = read(notebooks / "01_short.ipynb")["cells"]
    assert source(first[-1]) == "**Fig. 1.1** A."
    # What is folded there says what it is; what is shown says it itself.
    around = [(source(first[n - 1]), source(cell)) for n, cell in enumerate(first) if n]
    checks = [words for words, cell in around if cell.startswith("assert")]
    assert checks[1:] == [
        "*Check of (1.1), sampled: three, by \\* and \\_*",
        "*Check: four, of no equation*",
    ]
    assert not checks[0].startswith("*")


def test_what_the_page_shows_when_it_is_asked_stands_below_its_words(site):
    cells = read(site / "notebooks" / "15_documents.ipynb")["cells"]
    found = [n for n, cell in enumerate(cells) if "hide-output" in cell["metadata"].get("tags", [])]
    assert len(found) > 10
    for number in found:
        assert re.fullmatch(r"\*\d+ .+\*", source(cells[number - 1]))
        assert "<table" in str(cells[number]["outputs"])


UNKNOWN = """Words.

```{figure} photo.png
```

A {term}`entropy`, and [a slip](#more-slip).
"""


def test_what_has_no_plain_form_stops_the_build_with_its_place(tmp_path):
    cells = [text(1, "# More"), text(2, UNKNOWN.replace("photo", "../photo"))]
    small_book.write(tmp_path / "source", second=cells)
    done = build(tmp_path / "source", tmp_path)
    assert done.returncode != 0 and "Traceback" not in done.stdout
    unknown = (3, r"\{figure\} \.\./photo\.png", "write it"), (6, "term", "write it")
    for line, name, mend in (*unknown, (6, "#more-slip", "it leads to no place")):
        place = rf"02_more\.ipynb: text above cell \[1\], line {line}"
        said = f"{place}: WARNING: {name} cannot stand in a plain notebook: {mend}"
        assert re.search(said, done.stdout), done.stdout
    assert done.stdout.count("WARNING") == 4, done.stdout  # Sphinx names the slip, too


# A branch of its own, for Colab.


def test_publishing_puts_the_copies_on_a_branch_of_their_own(tmp_path):
    (step,) = jobs("book.yml")["notebooks"]["steps"]
    site, work = tmp_path / "site", tmp_path / "work"
    (site / "notebooks").mkdir(parents=True)
    work.mkdir()
    (site / "index.html").write_text("A page.")
    program(tmp_path, "gh", f'[ "$1 $2" != "run download" ] || tar -cf artifact.tar -C "{site}" .')
    repository = tmp_path / "me" / "book"
    run("git", "init", "--bare", "--initial-branch", "main", repository)
    variables = {
        "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
        "GITHUB_SERVER_URL": tmp_path.as_uri(),
        "GITHUB_REPOSITORY": "me/book",
        "GITHUB_RUN_ID": "7",
        "GITHUB_SHA": "1234567",
    }
    for text in ("The first.", "The second."):
        (site / "notebooks" / "01_short.ipynb").write_text(text)
        folder = work / text
        folder.mkdir()
        done = run("bash", "-e", "-c", f'cd "{folder}"\n{step["run"]}', **variables)
        assert done.returncode == 0, done.stdout
        shown = run("git", "-C", repository, "show", f"{links.COPIES}:01_short.ipynb")
        assert shown.stdout == text
    listed = run("git", "-C", repository, "ls-tree", "-r", "--name-only", links.COPIES)
    assert listed.stdout.split() == ["01_short.ipynb"]


# JupyterLab


@pytest.fixture
def opened(tmp_path, monkeypatch):
    """Calls tools/lab.py in an empty folder, and returns the command that takes its place."""
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", "before")
    monkeypatch.setenv("MATPLOTLIBRC", "before")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(lab, "BUILT", tmp_path / "built")
    monkeypatch.setattr(lab, "LAB", tmp_path / "lab")
    monkeypatch.setattr(os, "execv", lambda _, command: called.append(command))
    called = []

    def call(*arguments, user=1000):
        monkeypatch.setattr(os, "geteuid", lambda: user)
        return lab.main("copies", list(arguments)) or called.pop()

    return call


def put(path, *texts):
    cells = [text(number, written) for number, written in enumerate(texts)]
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(small_book.notebook(cells)), encoding="utf-8")


def test_what_a_reader_changed_is_never_written_over(opened, tmp_path, capsys):
    assert opened() == "There are no copies yet: make book"
    names = ["changed", "damaged", "left", "run"]
    for name in names:
        put(tmp_path / "built" / f"{name}.ipynb", "The first edition.")
    opened()
    mine = {name: tmp_path / "lab" / f"{name}.ipynb" for name in names}
    put(mine["changed"], "The first edition.", "And mine.")
    mine["damaged"].write_text("{", encoding="utf-8")
    for name in names:
        put(tmp_path / "built" / f"{name}.ipynb", "The second edition.")
    # What a cell gives is no work of the reader's.
    mine["run"].write_text(mine["run"].read_text(encoding="utf-8").replace("python", "Python"))
    for _ in range(2):
        capsys.readouterr()
        opened()
        said = "lab/{}.ipynb is as you left it; move it away to get the book's.\n"
        assert capsys.readouterr().out == said.format("changed") + said.format("damaged")
        assert source(read(mine["changed"])["cells"][-1]) == "And mine."
        assert mine["damaged"].read_text(encoding="utf-8") == "{"
        for name in ("left", "run"):
            assert source(read(mine[name])["cells"][0]) == "The second edition."


def are_trusted(paths, **where):
    notary = NotebookNotary(**where)
    with closing(notary.store):  # a database
        return all(notary.check_signature(nbformat.read(path, as_version=4)) for path in paths)


def test_the_copies_open_trusted_also_as_root_with_arguments(opened, tmp_path):
    put(tmp_path / "built" / "a.ipynb", "A copy.")
    assert opened("--port=1")[1:] == ["-m", "jupyterlab", "--port=1"]
    assert opened("--port=1", user=0)[1:] == ["-m", "jupyterlab", "--allow-root", "--port=1"]
    assert are_trusted([tmp_path / "lab" / "a.ipynb"])
    assert os.getcwd() == str(tmp_path / "lab")
    assert os.environ["MATPLOTLIBRC"] == str(ROOT / "chapters" / "matplotlibrc")
    # Where jupyterlab-myst is on, it numbers the formulas a second time.
    assert os.environ["JUPYTER_CONFIG_PATH"].endswith("before")
    assert get_page_config([])["disabledExtensions"] == ["jupyterlab-myst"]


def test_the_sources_open_for_authors(tmp_path):
    """The real command, as far as its version."""
    variables = {"JUPYTER_DATA_DIR": str(tmp_path / "data")}
    done = run(sys.executable, ROOT / "tools" / "lab.py", "sources", "--version", **variables)
    assert done.returncode == 0 and re.fullmatch(r"\d+\.\d+\.\d+", done.stdout.strip()), done.stdout
    assert are_trusted(CHAPTERS, data_dir=str(tmp_path / "data"))
    (tmp_path / "other").mkdir()
    assert not are_trusted(CHAPTERS, data_dir=str(tmp_path / "other"))
