/**
 * Figures at the edges of what clients can hold: around 2^53, where doubles stop being exact, and up to 2^63 − 1, the
 * largest that a BIGINT column holds.
 *
 * Guarantees: the same as for a business's figures; and `anonymous`, the sum of two measures, stays below 2^63 too.
 */
import type { Period } from "./Month.ts";
import { type Figures, largest, width } from "./Usage.ts";

const edge = 2n ** 53n;

/**
 * The figures of one source in one period.
 * Shape: by turns, one source identifies 2^53 − 1 people and counts up, and makes API calls up to 2^63 − 1 on the last
 * day; the next source has it the other way round.
 */
export function hugeFigures(rank: number, period: Period): Figures {
  const days = period.end - period.first;
  const figures = new BigInt64Array(days * width);
  for (let index = 0; index < days; index++) {
    const aroundEdge = edge - 1n + BigInt(index);
    const toLargest = largest - BigInt(days - 1 - index);
    const [identified, apiCalls] = rank % 2 === 0 ? [aroundEdge, toLargest] : [toLargest, aroundEdge];
    figures.set([edge + 1n + BigInt(index), edge - 1n, identified, apiCalls], index * width);
  }
  return figures;
}
