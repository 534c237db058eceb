/**
 * How long answers took, as far as the pacing of requests needs it. Milliseconds.
 */

const kept = 32;

/** Memory: the last 32 times. */
export class RoundTrips {
  readonly #times: Array<number> = [];

  add(ms: number): void {
    this.#times.push(ms);
    if (this.#times.length > kept) this.#times.shift();
  }

  /** How much they vary: the longest less the shortest. */
  get spread(): number {
    return this.#times.length === 0 ? 0 : Math.max(...this.#times) - Math.min(...this.#times);
  }
}
