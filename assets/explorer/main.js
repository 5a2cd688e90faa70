"use strict"

// The page: controls, handles and address all change one state; every change draws anew.
// The scripts are classic ones, because browsers load no modules from a folder (file://).

document.addEventListener("DOMContentLoaded", () => {
  const app = document.getElementById("explorer")
  const part = (name) => app.querySelector(`[data-part="${name}"]`)
  const RANGES = [5, 10, 20, 50, 100, 200, 500, 1000]

  let state, range, shown // what was chosen; what the logits' panel spans; what was computed
  let columns, triangle, curve
  let saving

  function rangeFor(z) {
    const largest = Math.max(...z.map(Math.abs))
    return RANGES.find((high) => high >= largest) ?? niceAbove(largest)
  }

  function load(hash) {
    state = State.read(hash) ?? State.read(State.START)
    range = rangeFor(state.z)
    draw()
  }

  // Every change but a step starts a new path, from where the old one ended: so a link
  // holds a start and a number of steps, and leads to the same numbers again.
  function change(changes) {
    const z = shown.path.at(-1).map((score) => State.clamp("z", score))
    state = { ...state, z, steps: 0, ...changes }
    draw()
    save()
  }

  function walk(steps) {
    const pressed = document.activeElement
    state = { ...state, steps: State.clamp("steps", steps) }
    draw()
    save()
    part("walked").textContent = walked()
    // A button that is switched off loses the focus, at once or in the next frame.
    if (!state.steps && pressed.disabled) part("step").focus()
  }

  function walked() {
    const { steps } = state
    return `${steps} ${steps === 1 ? "step" : "steps"}: loss ${show(shown.values.loss)} nats`
  }

  // Browsers limit how often an address may change: it follows when the hand rests.
  function save() {
    clearTimeout(saving)
    saving = setTimeout(() => {
      history.replaceState(null, "", `#${State.write(state)}`)
      part("link").value = location.href
    }, 200)
  }

  function draw() {
    const p = Numerics.target(state)
    const path = Numerics.descend(state, p)
    const values = Numerics.evaluate(path.at(-1), state.T, p)
    range = Math.max(range, rangeFor(path.at(-1)))
    const { T, format, isShifted } = state
    const stored = Numerics.stored(path.at(-1), T, p, format, isShifted)
    shown = { state, p, path, values, range, stored }
    if (!columns || columns.marks.length !== state.z.length) build()
    columns.update(shown)
    if (state.z.length === 3) triangle.update(shown)
    curve.update(shown)
    fillControls()
    fillNumbers()
  }

  function build() {
    const K = state.z.length
    const width = (name) => part(name).parentElement.clientWidth
    columns = new Columns(part("columns"), K, width("columns"))
    columns.marks.forEach((mark, k) => {
      makeDraggable(mark.handle, "z", k)
      makeDraggable(mark.weight, "q", k)
    })
    part("simplex").hidden = K !== 3
    part("no-simplex").hidden = K === 3
    if (K === 3) triangle = new Triangle(part("triangle"), width("triangle"))
    curve = new Curve(part("curve"), width("curve"))
    buildNumbers(K)
  }

  // Handles: pointer and keyboard.

  function setLogit(k, value, grid) {
    const z = shown.path.at(-1).map((score) => State.clamp("z", score))
    z[k] = toGrid(Math.min(range, Math.max(-range, value)), grid)
    change({ z })
  }

  function setWeight(k, value, grid) {
    const inside = Math.min(1, Math.max(0, value))
    change({ p: State.setTarget(shown.p, k, toGrid(inside, grid)) })
  }

  const toGrid = (value, grid) => Number((Math.round(value / grid) * grid).toFixed(6))

  function makeDraggable(slider, panel, k) {
    const isLogit = panel === "z"
    const assign = isLogit ? setLogit : setWeight
    const span = () => (isLogit ? [-range, range, range / 500] : [0, 1, 0.005])
    let grip = null // where in the handle it was taken
    const height = (event) => event.clientY - part("columns").getBoundingClientRect().top

    slider.addEventListener("pointerdown", (event) => {
      if (event.button) return
      slider.setPointerCapture(event.pointerId)
      slider.focus()
      grip = height(event) - Number(slider.lastChild.getAttribute("cy"))
      event.preventDefault() // do not select text
    })
    // A finger on a handle drags it, and does not scroll; touch-action in the style sheet
    // would say the same, but browsers do not heed it within a drawing.
    slider.addEventListener("touchstart", (event) => event.preventDefault(), { passive: false })
    slider.addEventListener("pointermove", (event) => {
      if (grip === null) return
      const [, , grid] = span()
      assign(k, columns.valueAt(panel, height(event) - grip), grid)
    })
    for (const end of ["pointerup", "pointercancel"])
      slider.addEventListener(end, () => (grip = null))

    slider.addEventListener("keydown", (event) => {
      const [low, high, grid] = span()
      const now = isLogit ? shown.path.at(-1)[k] : shown.p[k]
      const small = event.shiftKey ? grid : 10 * grid
      const moves = {
        ArrowUp: now + small,
        ArrowRight: now + small,
        ArrowDown: now - small,
        ArrowLeft: now - small,
        PageUp: now + 100 * grid,
        PageDown: now - 100 * grid,
        Home: low,
        End: high,
      }
      if (!(event.key in moves) || event.ctrlKey || event.metaKey || event.altKey) return
      event.preventDefault()
      assign(k, moves[event.key], grid)
    })
  }

  // Controls. The examples are the links in the text of the page.

  const examples = [...document.querySelectorAll("a[href*='explorer.html#z='], a[href^='#z=']")]
    .map((link) => [link.textContent, link.hash.slice(1)])
  part("example").append(
    new Option("(your own)", ""),
    ...examples.map(([name, hash]) => new Option(name, hash)),
  )

  for (const [name, scale] of [["eps", Number], ["T", Math.log10], ["eta", Math.log10]]) {
    const [low, high] = State.LIMITS[name].map(scale)
    // Whole steps from zero, or T = 1 would lie between two of them.
    const step = Number(part(name).step)
    Object.assign(part(name), { min: Math.floor(low / step) * step, max: Math.ceil(high / step) * step })
  }
  part("levels").textContent = new Intl.ListFormat("en-GB").format(Triangle.LEVELS.map(String))

  const inside = (name, digits) => State.clamp(name, Number(digits))
  const control = (name, event, handler) =>
    part(name).addEventListener(event, ({ target }) => handler(target))

  control("example", "change", ({ value }) => {
    if (value) location.hash = value
  })
  control("classes", "change", ({ value }) => change(State.resize(withPath(), Number(value))))
  control("range", "change", ({ value }) => {
    range = Number(value)
    draw()
  })
  control("T", "input", ({ value }) => change({ T: inside("T", (10 ** value).toPrecision(3)) }))
  control("format", "change", ({ value }) => change({ format: value }))
  control("shift", "change", ({ checked }) => change({ isShifted: checked }))
  control("y", "change", ({ value }) => change({ y: Number(value) }))
  control("eps", "input", ({ value }) => change({ eps: Number(value) }))
  control("eta", "input", ({ value }) => change({ eta: inside("eta", (10 ** value).toPrecision(2)) }))
  control("step", "click", () => walk(state.steps + 1))
  control("steps", "click", () => walk(state.steps + 10))
  control("back", "click", () => walk(state.steps - 1))
  control("restart", "click", () => walk(0))
  control("three", "click", () => change(State.resize(withPath(), 3)))
  control("link", "focus", (field) => field.select())
  control("copy", "click", async (button) => {
    part("link").select()
    try {
      await navigator.clipboard.writeText(part("link").value)
      button.textContent = "Copied"
    } catch {
      // Without https, or where the reader does not allow it, a script cannot copy.
      button.textContent = "Selected: copy it"
    }
    setTimeout(() => (button.textContent = "Copy"), 3000)
  })
  for (const choice of app.querySelectorAll("[name=kind]"))
    choice.addEventListener("change", () => {
      const top = shown.p.indexOf(Math.max(...shown.p))
      const p = shown.p.map((weight) => Number(weight.toFixed(6)))
      change(choice.value === "soft" ? { kind: "soft", p } : { kind: choice.value, y: top })
    })

  const withPath = () => ({ ...state, z: shown.path.at(-1), steps: 0 })

  function fillControls() {
    const { z, kind, y, eps, T, eta, steps, format, isShifted } = state
    const fill = (select, values, chosen, text) => {
      if (select.options.length !== values.length)
        select.replaceChildren(...values.map((value) => new Option(text(value), value)))
      select.value = chosen
    }
    const [least, most] = State.LIMITS.K
    const counts = Array.from({ length: most - least + 1 }, (_, more) => least + more)
    fill(part("classes"), counts, z.length, (K) => `${K}`)
    fill(part("y"), [...z.keys()], y, (k) => `class ${k}`)
    fill(part("format"), Object.keys(Numerics.FORMATS), format, (name) => name)
    part("shift").checked = isShifted
    const ranges = RANGES.includes(range) ? RANGES : [...RANGES, range]
    fill(part("range"), ranges, range, (high) => `−${high} to ${high}`)
    for (const option of part("range").options)
      option.disabled = Number(option.value) < rangeFor(shown.path.at(-1))

    const slide = (name, value, text) => {
      part(name).value = value
      part(name).setAttribute("aria-valuetext", text)
      part(`${name}-shown`).textContent = text
    }
    const here = State.write(state)
    part("example").value = examples.some(([, hash]) => hash === here) ? here : ""
    slide("T", Math.log10(T), `${T}`)
    slide("eps", eps, `${eps}`)
    slide("eta", Math.log10(eta), `${eta}`)
    app.querySelector(`[name=kind][value=${kind}]`).checked = true
    part("y").parentElement.hidden = kind === "soft"
    part("eps").parentElement.hidden = kind !== "smoothed"
    part("soft-help").hidden = kind !== "soft"
    part("back").disabled = part("restart").disabled = steps === 0
    part("descent").hidden = steps === 0
    part("walked").textContent = steps ? walked() : ""
    part("link").value = `${location.href.split("#")[0]}#${State.write(state)}`
  }

  // Numbers: rounded for reading, whole in the value of each <data>.

  const COLUMNS = ["p", "q", "surprise", "share", "gradient"]

  function buildNumbers(K) {
    part("rows").replaceChildren(
      ...Array.from({ length: K }, (_, k) => {
        const row = document.createElement("tr")
        const head = document.createElement("th")
        head.scope = "row"
        head.textContent = k
        row.append(head)
        const field = document.createElement("input")
        Object.assign(field, { type: "number", step: "any" })
        field.setAttribute("aria-label", `Logit of class ${k}`)
        field.addEventListener("change", () => {
          if (!Number.isFinite(field.valueAsNumber)) return draw()
          const z = [...shown.path.at(-1)]
          z[k] = State.clamp("z", field.valueAsNumber)
          change({ z })
        })
        row.insertCell().append(field)
        for (const name of COLUMNS) {
          const data = document.createElement("data")
          data.dataset.part = `${name}-${k}`
          row.insertCell().append(data)
        }
        return row
      }),
    )
  }

  function fillNumbers() {
    const { p, path, values, stored } = shown
    const write = (name, value, text = show(value)) => {
      part(name).value = String(value)
      part(name).textContent = text
    }
    path.at(-1).forEach((score, k) => {
      const field = part("rows").rows[k].cells[1].firstChild
      field.dataset.value = score
      if (field !== document.activeElement) field.value = +score.toPrecision(6)
      for (const name of COLUMNS) write(`${name}-${k}`, { p, ...values }[name][k])
    })
    for (const name of ["loss", "entropy", "kl"]) write(name, values[name])
    const isExactlyZero = stored === 0 && values.loss > 0
    const strange = isExactlyZero ? "exactly 0" : Number.isNaN(stored) ? "nan" : "∞"
    write("stored", stored, isExactlyZero || !Number.isFinite(stored) ? strange : show(stored))
    const whole = Math.max(values.loss, 1e-300)
    set(part("entropy-bar"), { width: `${(100 * values.entropy) / whole}%` })
    set(part("kl-bar"), {
      x: `${(100 * values.entropy) / whole}%`,
      width: `${(100 * Math.max(values.kl, 0)) / whole}%`,
    })
  }

  // Address and width.

  addEventListener("hashchange", () => {
    if (!State.read(location.hash)) return // a heading of this page
    load(location.hash)
    const { top } = app.getBoundingClientRect()
    if (top < 0 || top > innerHeight / 2) app.scrollIntoView()
  })
  let width = app.clientWidth
  new ResizeObserver(() => {
    if (app.clientWidth === width) return
    width = app.clientWidth
    columns = null
    draw()
  }).observe(app)

  load(location.hash)
})
