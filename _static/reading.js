"use strict"

// What a reader would miss: that a formula, a table, or code goes on behind the edge, and figures on
// paper.

function markEdges(box, end = box.scrollWidth - box.clientWidth) {
  box.classList.toggle("more-before", box.scrollLeft > 1)
  box.classList.toggle("more-after", box.scrollLeft < end - 1)
  // So that the arrow keys scroll it, in WebKit too.
  if (end > 1) box.tabIndex = 0
  else box.removeAttribute("tabindex")
}

document.addEventListener("DOMContentLoaded", () => {
  // It comes when a box is first laid out, too: what is folded, when it is opened.
  const observer = new ResizeObserver((changes) => {
    // All are measured before any is changed, or the page would be laid out for each.
    const ends = changes.map(({ target }) => [target, target.scrollWidth - target.clientWidth])
    for (const [box, end] of ends) markEdges(box, end)
  })
  for (const box of document.querySelectorAll(".scrolls, pre, .pst-scrollable-table-container")) {
    observer.observe(box)
    box.addEventListener("scroll", () => markEdges(box), { passive: true })
  }
})

// WebKit, which alone knows this property, prints an empty box for a figure to which nobody has
// scrolled.
addEventListener("load", () => {
  if (!CSS.supports("hanging-punctuation: first")) return
  for (const image of document.querySelectorAll("img[loading=lazy]")) image.loading = "eager"
})
