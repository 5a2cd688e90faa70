"use strict"

// Formulas are copied as LaTeX: by a button, or in a selection. (Without scripts they are
// copied as the browser copies MathML.)
// A classic script, because browsers load no modules from a folder (file://).

const texOf = (formula) =>
  formula.matches("div") ? `$$\n${formula.dataset.tex}\n$$` : `$${formula.dataset.tex}$`

document.addEventListener("copy", (event) => {
  const selection = getSelection()
  if (selection.isCollapsed || !selection.rangeCount) return
  const range = selection.getRangeAt(0).cloneRange()
  // Half a formula has no LaTeX: take the whole.
  const formulaAt = (node) => (node.closest ? node : node.parentElement).closest("[data-tex]")
  const [first, last] = [formulaAt(range.startContainer), formulaAt(range.endContainer)]
  if (first) range.setStartBefore(first)
  if (last) range.setEndAfter(last)
  const copy = range.cloneContents()
  const formulas = copy.querySelectorAll("[data-tex]")
  if (!formulas.length) return
  for (const tick of copy.querySelectorAll(".checked")) tick.remove()
  const html = document.createElement("div")
  html.append(copy.cloneNode(true))
  // Text is read off a hidden box on the page: only there do blocks end lines.
  for (const formula of formulas) {
    const tex = document.createElement(formula.tagName)
    tex.textContent = texOf(formula)
    tex.style.whiteSpace = "pre"
    formula.replaceWith(tex)
  }
  const box = document.createElement("div")
  box.style.cssText = "position: absolute; left: -9999px"
  box.append(copy)
  document.body.append(box)
  event.clipboardData.setData("text/plain", box.innerText)
  event.clipboardData.setData("text/html", html.innerHTML)
  event.preventDefault()
  box.remove()
})

document.addEventListener("DOMContentLoaded", () => {
  for (const formula of document.querySelectorAll("div[data-tex]")) addButton(formula)
})

function addButton(formula) {
  const listed = formula.closest(".listed")
  const number = (formula.querySelector(".eqno") ?? listed?.querySelector("a"))?.firstChild
  const button = document.createElement("button")
  button.type = "button"
  button.className = "copytex"
  const say = (text, name = text) => {
    button.textContent = text
    button.title = button.ariaLabel = name
  }
  const offer = () =>
    say("LaTeX", `Copy ${number ? `formula ${number.textContent}` : "this formula"} as LaTeX`)
  offer()
  // Or the list of equations would have a hundred more stops of the Tab key.
  if (listed) button.tabIndex = -1
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(formula.dataset.tex)
      say("Copied")
    } catch {
      // Without https, or where the reader does not allow it, a script cannot copy.
      getSelection().selectAllChildren(formula.querySelector("math"))
      say("Selected: copy it")
    }
    setTimeout(offer, 3000)
  })
  formula.append(button)
}
