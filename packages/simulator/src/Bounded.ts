/** A cache that forgets: what was used longest ago goes first. */

/** Keeps at most `capacity` values, by key. */
export class Bounded<A> {
  readonly #capacity: number;
  readonly #entries = new Map<string, A>();

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** The value kept for `key`, or a new one made now. */
  get(key: string, make: () => A): A {
    const kept = this.#entries.get(key);
    // A Map keeps the order of insertion, so taking out and putting back marks the entry as used last.
    this.#entries.delete(key);
    const value = kept ?? make();
    this.#entries.set(key, value);
    if (this.#entries.size > this.#capacity) {
      for (const oldest of this.#entries.keys()) {
        this.#entries.delete(oldest);
        break;
      }
    }
    return value;
  }
}
