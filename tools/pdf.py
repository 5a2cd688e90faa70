"""Print the built website as one PDF: _build/pdf/cross-entropy.pdf.

    python tools/pdf.py [CHAPTER ...]     without names: the whole book

All pages but the explorer are put one behind the other into one page of a browser, which prints
it: so links lead from chapter to chapter, and the bookmarks are the headings.
"""

import sys
import time

import book
from browser import NoBrowser, open_browser
from pypdf import PdfWriter
from pypdf.generic import NameObject, TextStringObject

SITE = book.ROOT / "_build" / "html"
# The explorer stays out, and so do live forms of figures: on paper nothing moves.
PAGES = [page for page in book.PAGES if page != "explorer"]

# An anchor is unique in its page only: put the name of the page before it.
ADD_PAGE = """
async ([html, address, names]) => {
  const here = new URL(address)
  const folder = address.slice(0, address.length - names.here.length - 5)
  const page = new DOMParser().parseFromString(html, "text/html")
  const article = page.querySelector("article")
  const anchor = (name, id) => "p-" + name.replaceAll("/", "-") + (id ? "-" + id : "")
  for (const part of article.querySelectorAll("[id]")) part.id = anchor(names.here, part.id)
  article.id = anchor(names.here)
  for (const part of article.querySelectorAll("[src]"))
    part.setAttribute("src", new URL(part.getAttribute("src"), here).href)
  for (const link of article.querySelectorAll("a[href]")) {
    const target = new URL(link.getAttribute("href"), here)
    if (!target.href.startsWith(folder)) continue
    const name = target.pathname.slice(new URL(folder).pathname.length).replace(/[.]html$/, "")
    if (names.all.includes(name))
      link.setAttribute("href", "#" + anchor(name, decodeURIComponent(target.hash.slice(1))))
    else link.removeAttribute("href")
  }
  for (const part of article.querySelectorAll("script, .headerlink, .live")) part.remove()
  document.querySelector("#book").append(document.adoptNode(article))
}
"""
FINISH = """
async () => {
  const images = [...document.images].map(image => {
    image.loading = "eager"
    return image.decode().catch(() => 0)
  })
  await Promise.all([document.fonts.ready, ...images])
}
"""
STYLE = """
#book { font-variant-ligatures: none; } /* or a search would not find overflow */
article { display: block; break-before: page; }
article:first-child { break-before: auto; }
h2, h3, h4 { break-after: avoid; }
"""
NUMBER = """<div style="width: 100%; font: 8px sans-serif; text-align: center">
<span class="pageNumber"></span></div>"""


def print_book(browser, site, names, path):
    page = browser.new_page(bypass_csp=True)  # to add what follows
    page.set_default_timeout(600_000)
    page.goto((site / f"{names[0]}.html").as_uri())
    page.evaluate(
        """() => {
          document.querySelector("article").parentElement.innerHTML = "<div id='book'></div>"
          document.querySelector("#book").className = "bd-article"
        }"""
    )
    page.add_style_tag(content=STYLE)
    for name in names:
        file = site / f"{name}.html"
        html = file.read_text(encoding="utf-8")
        page.evaluate(ADD_PAGE, [html, file.as_uri(), {"here": name, "all": names}])
    page.emulate_media(media="print", color_scheme="light")
    page.evaluate(FINISH)
    path.parent.mkdir(parents=True, exist_ok=True)
    page.pdf(
        path=path,
        format="A4",
        prefer_css_page_size=True,
        display_header_footer=True,
        header_template="<span></span>",
        footer_template=NUMBER,
        outline=True,
        tagged=True,
        print_background=True,
    )
    titles = page.eval_on_selector_all(
        "h1, h2, h3, h4", "all => all.map(h => h.textContent.trim())"
    )
    page.close()
    name_the_bookmarks(path, titles)


def name_the_bookmarks(path, titles):
    """Chromium loses the space where a heading is broken, and doubles one that begins a page."""
    pdf = PdfWriter(clone_from=path)
    bookmarks = list(below(pdf.root_object["/Outlines"]))
    if len(bookmarks) == len(titles):  # another Chromium may take other headings
        for bookmark, title in zip(bookmarks, titles, strict=True):
            bookmark[NameObject("/Title")] = TextStringObject(title)
        pdf.write(path)


def below(bookmark):
    child = bookmark.get("/First")
    while child is not None:
        yield child.get_object()
        yield from below(child.get_object())
        child = child.get_object().get("/Next")


def main(names):
    path = book.ROOT / "_build" / "pdf" / "cross-entropy.pdf"
    start = time.perf_counter()
    try:
        pages = book.pick(names, PAGES)
        if not (SITE / f"{book.PAGES[0]}.html").exists():
            return "There is no site to print yet: make book"
        with open_browser() as browser:
            print_book(browser, SITE, pages, path)
    except (book.NoPage, NoBrowser) as problem:
        return str(problem)
    print(f"The book: {path.as_uri()} ({time.perf_counter() - start:.0f} s)")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
