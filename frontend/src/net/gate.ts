/** What the gate asks of the editor. */
export interface Screen {
  /** Somebody is in the middle of a dead key or an input method. */
  composing(): boolean
  /** Reads a selection that the browser already shows but the editor has not noticed. */
  settle(): void
}

const COALESCE = 50
const PATIENCE = 15_000

/**
 * Gate holds what others wrote until it may touch the screen. It waits while
 * something is being composed (a redraw leaves a stray "ˇ"), lets the editor
 * read the caret first (an arrow key pressed a moment ago was lost
 * otherwise), and applies what comes within 50 ms at once.
 */
export class Gate {
  private waiting: Uint8Array[] = []
  private timer: ReturnType<typeof setTimeout> | undefined
  private last = Number.NEGATIVE_INFINITY
  private heldSince = 0
  screen: Screen | null = null

  constructor(private readonly apply: (updates: Uint8Array[]) => void, private readonly now: () => number = () => performance.now()) {}

  push(update: Uint8Array) {
    this.waiting.push(update)
    if (this.timer === undefined) this.schedule(Math.max(0, this.last + COALESCE - this.now()))
  }

  private schedule(ms: number) {
    if (ms === 0 && !this.screen?.composing()) return this.flush()
    this.timer = setTimeout(() => {
      this.timer = undefined
      if (!this.screen?.composing()) { this.heldSince = 0; return this.flush() }
      this.heldSince ||= this.now()
      // An input method that never ends its composition must not hide the others for good.
      if (this.now() - this.heldSince > PATIENCE) { this.heldSince = 0; return this.flush() }
      this.schedule(COALESCE)
    }, ms || COALESCE)
  }

  /** flush applies at once what waits. */
  flush() {
    clearTimeout(this.timer)
    this.timer = undefined
    if (!this.waiting.length) return
    const updates = this.waiting
    this.waiting = []
    this.last = this.now()
    this.screen?.settle()
    this.apply(updates)
  }
}
