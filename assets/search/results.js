"use strict"

// Shows the sections that answer what stands in a search field, below it, while it is typed: in the
// dialog, and on the page of the search. Each leads to its place, with the words for
// _static/finding.js to mark there.

{
  const root = document.documentElement.dataset.content_root
  const words = bookIndex.words
  const say = (text, ...values) => text.replace(/\{\}/g, () => values.shift())

  function element(name, className, ...content) {
    const made = document.createElement(name)
    made.className = className
    made.append(...content)
    return made
  }

  const withMarks = (pieces) => pieces.map(([text, marked]) => (marked ? element("mark", "", text) : text))

  function entry({ url, anchor, title, number, chapter, line, mark, titleHits }) {
    const asked = `?highlight=${mark.map(encodeURIComponent).join("+")}#${anchor}`
    const where = number ? `${words.chapter} ${number}. ${chapter}` : chapter
    const link = element("a", "", element("span", "found-title", ...withMarks(bookRank.marked(title, titleHits))))
    if (chapter !== title) link.append(" ", element("span", "found-where", where))
    else if (number) link.append(" ", element("span", "found-where", `${words.chapter} ${number}`))
    link.href = root + url + asked
    const text = [...(line.before ? ["… "] : []), ...withMarks(line.pieces), ...(line.after ? [" …"] : [])]
    return element("li", "", link, element("p", "found-line", ...text))
  }

  function attach(form) {
    const input = form.querySelector("input")
    const onPage = form.parentElement.querySelector("#search-results")
    const count = element("p", "found-count")
    count.setAttribute("role", "status")
    const list = element("ol", "found-list")
    list.setAttribute("role", "list") // which WebKit takes from a list without numbers
    const box = onPage ?? form.parentElement.appendChild(element("div", ""))
    box.classList.add("found")
    box.replaceChildren(count, list)

    function show() {
      const query = input.value.trim()
      box.hidden = !query
      const { count: all, results } = query ? bookRank.search(input.value, onPage ? 30 : 12) : { count: 0, results: [] }
      list.replaceChildren(...results.map(entry))
      const said = [words.none, words.one][all] ?? (all > results.length ? say(words.first, results.length, all) : say(words.many, all))
      count.textContent = query ? said : ""
      box.scrollTop = 0
    }

    // The arrows lead from the field to the results, and through them; so does Tab.
    form.parentElement.addEventListener("keydown", (event) => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
      const stops = [input, ...list.querySelectorAll("a")]
      const here = stops.indexOf(document.activeElement)
      if (!step || here < 0 || event.isComposing) return
      event.preventDefault()
      stops[Math.max(0, Math.min(stops.length - 1, here + step))].focus()
    })
    input.addEventListener("input", show)
    if (onPage) {
      const asked = new URLSearchParams(location.search).get("q")
      if (asked && !input.value) input.value = asked
    }
    show()
  }

  for (const form of document.querySelectorAll("form.bd-search")) attach(form)
}
