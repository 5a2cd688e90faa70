"use strict"

// Checks are folded (_ext/folds.py). A link to one opens it; a button opens all of a page, and
// then those of every page (the template keeps that from being seen to happen); paper shows all.

const checks = () => document.querySelectorAll("details.check")

function openWhatIsAt(hash) {
  const target = document.getElementById(decodeURIComponent(hash.slice(1)))
  const fold = target?.closest(".cell")?.querySelector("details.check") ?? target?.closest("details")
  if (fold) fold.open = true
}

function openAll(open) {
  if (open) document.documentElement.dataset.checks = "open"
  else delete document.documentElement.dataset.checks
  for (const fold of checks()) fold.open = open
  try {
    if (open) localStorage.setItem("checks", "open")
    else localStorage.removeItem("checks")
  } catch {
    // A reader may allow no storage: then this page alone has it.
  }
}

document.addEventListener("DOMContentLoaded", () => {
  document.querySelector(".open-checks")?.addEventListener("click", () => {
    openAll(document.documentElement.dataset.checks !== "open")
  })
  openWhatIsAt(location.hash)
})
addEventListener("hashchange", () => openWhatIsAt(location.hash))
// Before the browser goes there, and again if the address has it already.
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href^='#']")
  if (link) openWhatIsAt(link.hash)
})

let closed = []
addEventListener("beforeprint", () => {
  closed = [...document.querySelectorAll("article details:not([open])")]
  for (const fold of closed) fold.open = true
})
addEventListener("afterprint", () => {
  for (const fold of closed) fold.open = false
})
