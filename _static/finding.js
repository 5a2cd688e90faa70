"use strict"

// What finds its way here is small: the search (_ext/search.py) and the previews (_ext/previews.py)
// are loaded by whoever uses them. And a reader who comes from the search finds its words marked.

{
  const root = document.documentElement.dataset.content_root
  const loaded = {}
  // A script, and no fetch: that works from a folder (file://), too.
  const load = (name) =>
    (loaded[name] ??= new Promise((done, fail) => {
      const file = name.endsWith(".css") ? document.createElement("link") : document.createElement("script")
      if (name.endsWith(".css")) Object.assign(file, { rel: "stylesheet", href: root + name })
      else file.src = root + name
      // They run in the order in which they are asked for.
      Object.assign(file, { async: false, onload: done, onerror: fail })
      document.head.append(file)
    }))

  const search = () => ["search.css", "index.js", "rank.js", "results.js"].map((name) => load(`search/${name}`))
  addEventListener("focusin", ({ target }) => {
    if (target.matches(".bd-search input")) search()
  })

  const page = () => DOCUMENTATION_OPTIONS.pagename
  const referring = (target) => target.closest?.("article a.reference.internal")
  const preview = async (event) => {
    const link = referring(event.target)
    // A finger wants the link itself.
    if (!link || (event.pointerType ?? "mouse") !== "mouse") return
    if (event.type === "focusin" && !link.matches(":focus-visible")) return
    await Promise.all(["previews/previews.css", `previews/${page()}.js`, "previews/previews.js"].map(load))
    bookPreview(link)
  }
  addEventListener("pointerover", preview)
  addEventListener("focusin", preview)

  // Words from the search

  const asked = new URLSearchParams(location.search).get("highlight")?.split(/\s+/).filter(Boolean) ?? []
  const marks = []

  function mark(place) {
    const escaped = asked.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"))
    const word = RegExp(`(?<![\\p{L}\\p{N}_])(?:${escaped.join("|")})(?![\\p{L}\\p{N}_])`, "giu")
    const texts = document.createTreeWalker(place, NodeFilter.SHOW_TEXT)
    const found = []
    while (texts.nextNode()) {
      const { data, parentElement } = texts.currentNode
      if (!parentElement.closest("math, script, style, button, .headerlink"))
        for (const { index, 0: text } of data.matchAll(word)) found.push([texts.currentNode, index, text.length])
    }
    // From behind, so that what is before keeps its place.
    for (const [node, at, length] of found.reverse()) {
      const range = document.createRange()
      range.setStart(node, at)
      range.setEnd(node, at + length)
      const element = document.createElement("mark")
      range.surroundContents(element)
      marks.unshift(element)
    }
  }

  // The paragraph, row or line with most of the words.
  function best() {
    const words = new Map()
    for (const element of marks) {
      const block = element.closest("p, li, tr, pre, dd, figcaption, summary, h1, h2, h3, h4")
      if (!words.has(block)) words.set(block, { first: element, said: new Set() })
      words.get(block).said.add(element.textContent.toLowerCase())
    }
    const many = ({ first, said }) => said.size + (first.checkVisibility() ? 0.5 : 0)
    return [...words.values()].reduce((a, b) => (many(b) > many(a) ? b : a)).first
  }

  function show(element) {
    for (let fold = element; (fold = fold.parentElement?.closest("details")); ) fold.open = true
    // (sphinx-togglebutton folds solutions in a way of its own.)
    element.closest(".toggle-hidden")?.querySelector("button")?.click()
    const { top, bottom } = element.getBoundingClientRect()
    if (top < 60 || bottom > 0.8 * innerHeight) element.scrollIntoView({ block: "center" })
  }

  document.addEventListener("DOMContentLoaded", () => {
    if (document.getElementById("search-results")) search()
    if (!asked.length) return
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)))
    const places = target?.matches("dt")
      ? [target, target.nextElementSibling]
      : [target?.closest("section, .citation") ?? document.querySelector("article")]
    for (const place of places) if (place) mark(place)
    if (marks.length) addEventListener("load", () => setTimeout(() => location.hash && show(best())))
  })
  addEventListener("keydown", ({ key }) => {
    if (key !== "Escape") return
    for (const element of marks.splice(0)) element.replaceWith(...element.childNodes)
  })
}
