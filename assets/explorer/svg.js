"use strict"

// What every drawing of the book needs: numbers as text, elements of a drawing, an arrow.

const SVG = "http://www.w3.org/2000/svg"

// A number as text: a true minus sign, and as many places as its size deserves.
function show(value, places = 4) {
  const size = Math.abs(value)
  if (size === 0 || (size >= 0.5 * 10 ** -places && size < 1e5))
    return value.toFixed(size < 100 ? places : 2).replace("-", "−")
  const [digits, exponent] = value.toExponential(2).replace("+", "").split("e")
  const raised = [...exponent].map((sign) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[sign] ?? "⁻").join("")
  return `${digits.replace("-", "−")}·10${raised}`
}

// The same for a label in a drawing, where there is room for four or five characters.
function brief(value) {
  const size = Math.abs(value)
  if (size > 0 && size < 0.005) return "≈0"
  return value.toFixed(size < 9.995 ? 2 : size < 99.95 ? 1 : 0).replace("-", "−")
}

function put(parent, name, attributes = {}, text = "") {
  const node = document.createElementNS(SVG, name)
  parent.append(node)
  node.textContent = text
  return set(node, attributes)
}

function set(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value)
  return node
}

// An arrow from one height to another; a bare line where it is too short for a head.
function arrow(x, from, to) {
  const way = to - from
  if (Math.abs(way) < 1) return ""
  const head = Math.sign(way) * Math.min(6, Math.abs(way))
  const side = Math.abs(head) * 0.7
  return `M${x} ${from}V${to}m${-side} ${-head}l${side} ${head}l${side} ${-head}`
}
