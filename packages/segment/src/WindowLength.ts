/**
 * What has been learned of the length of the service's rate window, from bounds that each answer gives. Milliseconds.
 */

/** A window length lies from `atLeast` to `atMost`; `likely` when one answer told it to the millisecond. */
export interface LengthBounds {
  readonly atLeast: number;
  readonly atMost: number;
  readonly likely?: number;
}

/** Both hold, or, where they contradict each other, the newer: the service's windows need not start with our requests. */
export const narrow = (held: LengthBounds | undefined, seen: LengthBounds): LengthBounds => {
  if (held === undefined) return seen;
  const atLeast = Math.max(held.atLeast, seen.atLeast);
  const atMost = Math.min(held.atMost, seen.atMost);
  if (atLeast > atMost) return seen;
  const likely = seen.likely ?? held.likely;
  return likely === undefined ? { atLeast, atMost } : { atLeast, atMost, likely };
};

const roundLengths = [1_000, 500, 250, 100];

/** The length to go by: a round one within the bounds (services have windows of whole seconds), else the likely one, else the longest. */
export const estimate = (bounds: LengthBounds): number => {
  for (const unit of roundLengths) {
    const near = bounds.likely === undefined ? Math.ceil(bounds.atLeast / unit) : Math.round(bounds.likely / unit);
    const length = near * unit;
    if (length > 0 && length >= bounds.atLeast && length <= bounds.atMost) return length;
  }
  return bounds.likely ?? bounds.atMost;
};
