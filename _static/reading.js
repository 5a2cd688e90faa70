"use strict"

// What a reader would miss: that a formula or a table goes on behind the edge, and figures on paper.

function markEdges(box) {
  const end = box.scrollWidth - box.clientWidth
  box.classList.toggle("more-before", box.scrollLeft > 1)
  box.classList.toggle("more-after", box.scrollLeft < end - 1)
  // So that the arrow keys scroll it, in WebKit too.
  if (end > 1) box.tabIndex = 0
  else box.removeAttribute("tabindex")
}

document.addEventListener("DOMContentLoaded", () => {
  const observer = new ResizeObserver((changes) => {
    for (const { target } of changes) markEdges(target.closest(".scrolls"))
  })
  for (const box of document.querySelectorAll(".scrolls")) {
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
