"""What the book says of itself: to search engines, and where someone posts a link to a page."""

from html import escape
from pathlib import Path

from docutils import nodes

# A page's description is its first paragraph. These pages are made from no file.
DESCRIPTIONS = {
    "search": "Search all pages of the book.",
    "404": "The page that you asked for does not exist.",
}

# What the picture beside a posted link shows (tools/preview.py).
PREVIEW = "From the likelihood to the cross-entropy H(p, q) to its gradient, q − p."


SITEMAP = "http://www.sitemaps.org/schemas/sitemap/0.9"


def describe_page(app, pagename, templatename, context, doctree):
    description = DESCRIPTIONS.get(pagename, "")
    for paragraph in doctree.findall(nodes.paragraph) if doctree else []:
        # And not one in a list or a table.
        if isinstance(paragraph.parent, nodes.section):
            description = " ".join(paragraph.astext().split())
            break
    tags = {
        'name="description"': description,
        'property="og:description"': description,
        'property="og:title"': context.get("pagetitle"),
        'property="og:site_name"': app.config.html_title,
        'property="og:type"': "article",
        'property="og:url"': context.get("pageurl"),
    }
    if address := app.config.html_baseurl:
        tags |= {
            'property="og:image"': f"{address}_static/preview.png",
            'property="og:image:alt"': PREVIEW,
            'name="twitter:card"': "summary_large_image",
        }
    context["metatags"] = context.get("metatags", "") + "".join(
        f'<meta {name} content="{escape(text)}" />\n' for name, text in tags.items() if text
    )


def list_the_pages(app, error):
    """For search engines, in sitemap.xml, if the address is known; robots.txt says where that is."""
    address = app.config.html_baseurl
    if error or app.builder.format != "html" or not address:
        return
    pages = [app.builder.get_target_uri(name) for name in sorted(app.env.found_docs)]
    entries = "".join(f"<url><loc>{escape(address + page)}</loc></url>\n" for page in pages)
    sitemap = (
        f'<?xml version="1.0" encoding="utf-8"?>\n<urlset xmlns="{SITEMAP}">\n{entries}</urlset>\n'
    )
    Path(app.outdir, "sitemap.xml").write_text(sitemap, encoding="utf-8")
    robots = f"User-agent: *\nAllow: /\nSitemap: {address}sitemap.xml\n"
    Path(app.outdir, "robots.txt").write_text(robots, encoding="utf-8")


def setup(app):
    app.connect("build-finished", list_the_pages)
    # After the theme, which writes the titles.
    app.connect("html-page-context", describe_page, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
