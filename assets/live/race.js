"use strict"

// Squared error against cross-entropy, two classes, from a start that is wrong.

const Race = {
  NAMES: ["cross-entropy", "squared error"],
  MOST: 3_000_000,

  // Minus the gradient for the label's logit; its probability is 1 / (1 + e^lead).
  pull(lead, loss) {
    const e = Math.exp(lead)
    const [label, wrong] = [1 / (1 + e), e / (1 + e)]
    return loss ? 4 * label * wrong * wrong : wrong
  },
  pulls: (lead) => [0, 1].map((loss) => Race.pull(lead, loss)),

  // The lead after each of `count` steps, the start first; both logits move.
  leads({ lead, rate }, loss, count) {
    const path = [lead]
    for (let step = 0; step < count; step++)
      path.push(path[step] - 2 * rate * Race.pull(path[step], loss))
    return path
  },

  // How many steps until the label leads, its probability then, and points for a curve, as many
  // as the eye needs, until it is nearly 1. Millions of steps: the last runs are kept.
  runs: new Map(),
  run({ lead, rate }, loss) {
    const key = `${lead} ${rate} ${loss}`
    if (Race.runs.has(key)) return Race.runs.get(key)
    const run = { first: lead > 0 ? null : 0, points: [] }
    let q = 0
    for (let step = 1, next = 1; q < 0.998 && step < Race.MOST; step++) {
      lead -= 2 * rate * Race.pull(lead, loss)
      const leads = run.first === null && lead <= 0
      if (step < next && !leads) continue
      q = 1 / (1 + Math.exp(lead))
      run.points.push([step, q])
      if (leads) Object.assign(run, { first: step, q })
      next = step * 1.03
    }
    if (Race.runs.size > 50) Race.runs.clear()
    Race.runs.set(key, run)
    return run
  },

  numbers(state) {
    const after = (loss) => {
      const path = Race.leads(state, loss, 100)
      return [0, 1, 10, 100].map((step) => 1 / (1 + Math.exp(path[step])))
    }
    return { pulls: Race.pulls(state.lead), cross: after(0), squared: after(1) }
  },

  draw(svg, width, state, guess) {
    const [left, right] = [44, width - 12]
    const looks = ["cross", "squared"]

    // Pulls
    put(svg, "text", { class: "heading", x: 0, y: 14 }, "Pull on the label's logit")
    const [top, floor] = [34, 134]
    const x = (lead) => left + ((lead + 6) / 20) * (right - left)
    const y = (pull) => floor - pull * (floor - top)
    for (const tick of [0, 0.5, 1]) {
      put(svg, "path", { class: "rule", d: `M${left} ${y(tick)}H${right}` })
      put(svg, "text", { class: "tick", x: left - 8, y: y(tick) + 4 }, tick)
    }
    for (let lead = -6; lead <= 14; lead += 4)
      put(svg, "text", { class: "soft", x: x(lead), y: floor + 19 }, String(lead).replace("-", "−"))
    looks.forEach((look, loss) => {
      const points = Array.from({ length: 101 }, (_, n) => n / 5 - 6)
      put(svg, "path", {
        class: `line ${look}`,
        d: `M${points.map((lead) => [x(lead), y(Race.pulls(lead)[loss])]).join("L")}`,
      })
    })
    put(svg, "text", { class: "soft last", x: right, y: floor + 37 }, "lead of the wrong class")
    put(svg, "path", { class: "now", d: `M${x(state.lead)} ${top - 6}V${floor}` })
    looks.forEach((look, loss) => {
      const pull = Race.pulls(state.lead)[loss]
      put(svg, "circle", { class: `dot ${look}`, cx: x(state.lead), cy: y(pull), r: 6 })
      const isLeft = state.lead > 5
      put(svg, "text", {
        class: `value ${look} ${isLeft ? "last" : "left"}`,
        x: x(state.lead) + (isLeft ? -10 : 10),
        y: y(pull) + (loss ? -9 : 20),
      }, show(pull, 4))
    })

    // Steps
    const [roof, bottom] = [212, 332]
    const runs = [0, 1].map((loss) => Race.run(state, loss))
    const far = 10 ** Math.max(4, Math.ceil(Math.log10(Math.max(runs[1].first ?? Race.MOST, guess?.steps ?? 0) * 1.6)))
    const at = (step) => left + (Math.log10(Math.max(step, 1)) / Math.log10(far)) * (right - left)
    const up = (q) => bottom - q * (bottom - roof)
    put(svg, "text", { class: "heading", x: 0, y: 192 }, "Probability of the label after each step")
    for (const tick of [0, 0.5, 1]) {
      put(svg, "path", { class: "rule", d: `M${left} ${up(tick)}H${right}` })
      put(svg, "text", { class: "tick", x: left - 8, y: up(tick) + 4 }, tick)
    }
    const marks = Math.round(Math.log10(far))
    for (let power = 0; power <= marks; power++)
      put(svg, "text", { class: "soft", x: at(10 ** power), y: bottom + 19 },
        power < 4 ? 10 ** power : `10${"⁰¹²³⁴⁵⁶⁷"[power]}`)
    put(svg, "text", { class: "soft last", x: right, y: bottom + 37 }, "steps")
    looks.forEach((look, loss) => {
      const points = runs[loss].points.filter(([step]) => step <= far)
      const path = points.map(([step, q]) => `${at(step).toFixed(1)} ${up(q).toFixed(1)}`)
      put(svg, "path", { class: `line ${look}`, d: `M${path.join("L")}H${right}` })
    })
    if (guess) {
      const across = at(guess.steps)
      put(svg, "path", { class: "guess", d: `M${across} ${roof - 8}V${bottom}` })
      put(svg, "text", { class: `guessed ${across > width / 2 ? "last" : "left"}`,
        x: across + (across > width / 2 ? -8 : 8), y: bottom - 12 }, "your guess")
    }
    // The crossings, with their numbers, above the curves.
    looks.forEach((look, loss) => {
      const { first: steps, q } = runs[loss]
      if (!steps) return
      const across = at(steps)
      put(svg, "circle", { class: `dot ${look}`, cx: across, cy: up(q), r: 6 })
      const isLast = across > width * 0.7
      put(svg, "text", { class: `value ${look} ${isLast ? "last" : "left"}`,
        x: across + (isLast ? -12 : 12), y: up(q) + (loss ? -10 : 22) }, steps.toLocaleString("en-GB"))
    })
    // Names of the two, once.
    looks.forEach((look, loss) => {
      const text = { class: `value ${look} left`, x: left + loss * 120, y: bottom + 40 }
      put(svg, "text", text, Race.NAMES[loss])
    })
    return bottom + 50
  },

  say(state) {
    const [cross, squared] = [0, 1].map((loss) => (Race.run(state, loss).first ?? Race.MOST).toLocaleString("en-GB"))
    const pulls = Race.pulls(state.lead).map((pull) => show(pull, 4))
    return (
      `At a lead of ${show(state.lead, 1)} the cross-entropy pulls with ${pulls[0]}, the squared error with ` +
      `${pulls[1]}. At the rate ${state.rate} the label leads after ${cross} steps, and after ${squared}.`
    )
  },

  // A guess of steps is shown as the start from which so many would be right.
  guess(value) {
    const steps = Number(value)
    let [near, far] = [0, 14.9]
    for (let halving = 0; halving < 18; halving++) {
      const lead = (near + far) / 2
      if (Race.run({ lead, rate: 1 }, 1).first < steps) near = lead
      else far = lead
    }
    return { rate: 1, lead: far, steps }
  },
  truth: () => ({ rate: 1, lead: 12 }),
}

alive("race", Race)
