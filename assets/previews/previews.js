"use strict"

// A look at what a link leads to, for whoever rests on it with the mouse or comes to it with the
// keyboard. bookPreviews, written by _ext/previews.py, has what this page refers to.

const bookPreview = (() => {
  const WAIT = 350, LEAVE = 250
  const box = document.createElement("div")
  box.className = "preview"
  box.setAttribute("role", "tooltip")
  box.hidden = true
  let link = null // whose preview is seen, or on its way
  let timer

  function show() {
    box.innerHTML = bookPreviews[link.getAttribute("href")]
    document.body.append(box)
    box.hidden = false
    // Below the link, above it where there is more room, and never over the edge.
    const [first] = link.getClientRects()
    const width = document.documentElement.clientWidth
    const below = innerHeight - first.bottom
    const up = below < box.offsetHeight + 12 && first.top > below
    const room = (up ? first.top : below) - 12
    box.style.maxHeight = `${Math.min(room, 0.6 * innerHeight)}px`
    box.style.left = `${Math.max(8, Math.min(first.left, width - box.offsetWidth - 8))}px`
    box.style.top = `${up ? first.top - box.offsetHeight - 4 : first.bottom + 4}px`
  }

  function hide() {
    clearTimeout(timer)
    link = null
    box.hidden = true
  }

  const leave = () => {
    clearTimeout(timer)
    timer = setTimeout(hide, LEAVE)
  }
  const stay = () => clearTimeout(timer)

  box.addEventListener("pointerenter", stay)
  box.addEventListener("pointerleave", leave)
  addEventListener("keydown", (event) => event.key === "Escape" && hide())
  // (What is on its way may still come: a page also scrolls to bring a link into view.)
  addEventListener("scroll", () => box.hidden || hide(), { passive: true })
  addEventListener("resize", hide)
  addEventListener("click", ({ target }) => box.contains(target) || hide())

  return (wanted) => {
    stay()
    if (wanted === link && !box.hidden) return
    if (!(wanted.getAttribute("href") in bookPreviews)) return
    // The script may have come after the pointer had gone.
    if (!wanted.matches(":hover, :focus")) return
    hide()
    link = wanted
    timer = setTimeout(show, WAIT)
    for (const gone of ["pointerleave", "blur"]) wanted.addEventListener(gone, leave, { once: true })
  }
})()
