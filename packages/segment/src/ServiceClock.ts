/**
 * The service's clock beside this machine's: what a month's end is told by, and what captures bear the time of.
 */

/** The service's clock, cut to whole seconds, and the local one when its answer came. Milliseconds since 1970. */
export interface ServiceClock {
  readonly serviceMs: number;
  readonly localMs: number;
}

/** Milliseconds: what a slow answer, and whole seconds, account for. */
const tolerance = 60_000;

/** Milliseconds that this machine is ahead of the service, negative when it is behind; 0 within a minute, or when nothing is known. */
export const clockSkew = (clock: ServiceClock | undefined): number => {
  const skew = clock === undefined ? 0 : clock.localMs - clock.serviceMs;
  return Math.abs(skew) > tolerance ? skew : 0;
};
