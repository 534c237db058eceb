/**
 * Repeatable randomness from integers alone.
 *
 * Guarantees: the same seed and parts give the same value on every platform, time zone and run. Nothing here keeps
 * state, so values can be asked for in any order; and only 32-bit integer operations are used, so no rounding differs.
 */

/** Anything that names what a value is for: `hash(seed, "growth", source, day)`. */
export type Part = number | string;

/**
 * Mixes a seed and the parts that name a value into 32 bits.
 * Shape: an integer from 0 to 2^32 − 1.
 */
export function hash(seed: number, ...parts: ReadonlyArray<Part>): number {
  let state = mix(seed | 0, 0x9e3779b9);
  for (const part of parts) {
    if (typeof part === "number") {
      state = mix(state, part | 0);
    } else {
      for (let index = 0; index < part.length; index++) state = mix(state, part.charCodeAt(index));
      // The length is mixed in too, so that ("ab", "c") and ("a", "bc") differ.
      state = mix(state, part.length + 0x10000);
    }
  }
  return state >>> 0;
}

/** An integer from `low` to `high`, both included. */
export function between(low: number, high: number, seed: number, ...parts: ReadonlyArray<Part>): number {
  return low + (hash(seed, ...parts) % (high - low + 1));
}

/** One of `choices`, which must not be empty. */
export function pick<A>(choices: ReadonlyArray<A>, seed: number, ...parts: ReadonlyArray<Part>): A {
  return choices[hash(seed, ...parts) % choices.length] as A;
}

/** True `permille` times in a thousand. */
export function chance(permille: number, seed: number, ...parts: ReadonlyArray<Part>): boolean {
  return hash(seed, ...parts) % 1000 < permille;
}

// Base58 leaves out 0, O, I and l, as the identifiers of the real service do.
const alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/** An identifier of `length` base58 characters, as the service gives to workspaces and sources (22). */
export function identifier(length: number, seed: number, ...parts: ReadonlyArray<Part>): string {
  let text = "";
  for (let index = 0; index < length; index++) text += alphabet[hash(seed, ...parts, index) % alphabet.length];
  return text;
}

/** One round of the 32-bit murmur3 mixer. */
function mix(state: number, value: number): number {
  let mixed = Math.imul(value, 0xcc9e2d51);
  mixed = Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593);
  let next = state ^ mixed;
  next = Math.imul((next << 13) | (next >>> 19), 5) + 0xe6546b64;
  next = Math.imul(next ^ (next >>> 16), 0x85ebca6b);
  next = Math.imul(next ^ (next >>> 13), 0xc2b2ae35);
  return next ^ (next >>> 16);
}
