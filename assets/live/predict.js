"use strict"

// A figure that answers. The reader predicts; the picture moves from the guess to the truth; a
// sentence says why; then all controls are free. Nothing starts by itself.
//
// Words and controls are in the page (_templates/live/). The script of a figure calls alive() with
//
//   numbers(state)                    all that is computed
//   draw(svg, width, state, guess)    draws a state anew; the guess is a state, too, or null
//   say(state)                        what there is to see, in words
//   guess(value)                      the state that an answer stands for
//   truth(value)                      the state that is right
//   verdict(value)                    for guesses that are neither right nor wrong
//   tidy(key, text)                   what a field of text means, null if nothing
//
// Guess and truth may hold a number more than a state, which moves, too: one that is guessed.
//
// A state has a value for each control, by its name. In the address it stands as
//
//   #live=temperature&T=0.1&c=0.5     without what is as usual

function alive(name, form) {
  const section = document.getElementById(`live-${name}`)
  const part = (selector) => section.querySelector(selector)
  const [play, svg, why, controls] = [".play", ".play > svg", ".why", ".controls"].map(part)
  const buttons = [...section.querySelectorAll(".answers > button[value]")]
  const fields = [...controls.elements].filter((field) => field.name)
  const keys = [...new Set(fields.map((field) => field.name))]

  let state, guess = null
  let frame, saving

  // Controls. A slider may be one of the logarithm; a state keeps the number itself.

  const field = (key) => controls.elements[key]
  const isLog = (key) => field(key)?.dataset?.scale === "log"
  const toValue = (key, position) =>
    isLog(key) ? Number((10 ** position).toPrecision(3)) : Number(position)

  function valueOf(key) {
    const { type, checked, value } = field(key)
    if (type === "range") return toValue(key, value)
    if (type === "text") return form.tidy(key, value)
    return type === "checkbox" ? Number(checked) : value
  }

  function isAllowed(key, value) {
    const { type, min, max } = field(key)
    if (type === "range")
      return value !== "" && value >= toValue(key, min) && value <= toValue(key, max)
    if (type === "checkbox") return value === "0" || value === "1"
    if (type === "text") return form.tidy(key, value) !== null
    return [...field(key)].some((option) => option.value === value)
  }

  function fill() {
    for (const key of keys) {
      const { type } = field(key)
      if (type === "checkbox") field(key).checked = state[key]
      else if (field(key) !== document.activeElement || type !== "text")
        field(key).value = isLog(key) ? Math.log10(state[key]) : state[key]
      const shown = part(`output[data-of="${key}"]`)
      if (!shown) continue
      shown.textContent = String(state[key]).replace("-", "−")
      field(key).setAttribute("aria-valuetext", shown.textContent)
    }
    part(".here").href = `#${write()}`
  }

  const usual = Object.fromEntries(keys.map((key) => [key, valueOf(key)]))

  // The state of an address, null if it is none of this figure.
  function read(hash) {
    const given = new URLSearchParams(hash.slice(1))
    if (given.get("live") !== name) return null
    const changed = keys.filter((key) => given.has(key) && isAllowed(key, given.get(key)))
    const value = (key) => {
      if (typeof usual[key] === "number") return Number(given.get(key))
      return field(key).type === "text" ? form.tidy(key, given.get(key)) : given.get(key)
    }
    return { ...usual, ...Object.fromEntries(changed.map((key) => [key, value(key)])) }
  }

  function write() {
    const changed = keys.filter((key) => state[key] !== usual[key])
    return [`live=${name}`, ...changed.map((key) => `${key}=${state[key]}`)].join("&")
  }

  // Drawing.

  function draw(now = state) {
    if (!play.clientWidth) return
    const width = play.clientWidth
    svg.replaceChildren()
    section.classList.toggle("guessed", guess !== null)
    const height = form.draw(svg, width, now, guess)
    set(svg, { viewBox: `0 0 ${width} ${height}`, width, height, "aria-label": form.say(now) })
    svg.dataset.numbers = JSON.stringify(form.numbers(now)) // for tests, in any browser
  }

  function open(next) {
    cancelAnimationFrame(frame)
    state = next
    play.hidden = false
    fill()
    draw()
  }

  function between(from, to, share) {
    const mix = (key) => {
      const [a, b] = [from[key], to[key]]
      if (typeof b !== "number" || a === b) return b
      return isLog(key) ? a * (b / a) ** share : a + (b - a) * share
    }
    return Object.fromEntries(Object.keys(to).map((key) => [key, mix(key)]))
  }

  // From the guess to the truth, slow at both ends; at once for readers who want no motion.
  function move(from, to, done) {
    const [rest, way] = [500, 1300]
    const settled = Object.fromEntries(keys.map((key) => [key, to[key]]))
    let start
    const step = (time) => {
      start ??= time
      const share = Math.min(1, Math.max(0, (time - start - rest) / way))
      if (share === 1) {
        open(settled)
        return done()
      }
      draw(between(from, to, share * share * (3 - 2 * share)))
      frame = requestAnimationFrame(step)
    }
    open(settled)
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return done()
    draw(from)
    frame = requestAnimationFrame(step)
  }

  // Browsers limit how often an address may change: it follows when the hand rests, unless another
  // one has come meanwhile.
  function save() {
    clearTimeout(saving)
    const { hash } = location
    saving = setTimeout(() => {
      if (location.hash === hash) history.replaceState(null, "", `#${write()}`)
    }, 200)
  }

  function change(changes) {
    open({ ...state, ...changes })
    save()
  }

  function answer(value, button) {
    why.hidden = true
    for (const other of buttons) other.setAttribute("aria-pressed", other === button)
    guess = form.guess(value)
    move(guess, form.truth(value), () => {
      section.classList.add("answered")
      const isRight = button?.hasAttribute("data-right")
      part(".verdict").textContent = form.verdict?.(value) ?? (isRight ? "Yes." : "No.")
      why.hidden = false
      save()
    })
  }

  for (const button of buttons)
    button.addEventListener("click", () => answer(button.value, button))
  const slide = part(".answers input")
  if (slide) {
    const follow = () => (part(".answers output").textContent = slide.value)
    slide.addEventListener("input", follow)
    follow()
    part(".answers .guess").addEventListener("click", () => answer(Number(slide.value)))
  }
  part(".skip").addEventListener("click", () => {
    guess = null
    open(usual)
    save()
  })
  part(".reset").addEventListener("click", () => {
    guess = null
    why.hidden = true
    change(usual)
  })
  controls.addEventListener("submit", (event) => event.preventDefault())
  controls.addEventListener("input", ({ target: { name, type, value } }) => {
    if (!name) return
    if (type !== "text" || form.tidy(name, value) !== null) change({ [name]: valueOf(name) })
  })

  // Address and width.

  function arrive() {
    const found = read(location.hash)
    if (!found) return
    guess = null
    open(found)
    const figure = section.previousElementSibling
    figure.scrollIntoView()
    if (document.readyState !== "complete")
      addEventListener("load", () => figure.scrollIntoView(), { once: true })
  }
  addEventListener("hashchange", arrive)
  new ResizeObserver(() => !play.hidden && draw()).observe(section)
  arrive()
}
