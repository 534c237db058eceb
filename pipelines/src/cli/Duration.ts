/** Durations in words. */
import { formatDuration } from "date-fns/formatDuration";
import { intervalToDuration } from "date-fns/intervalToDuration";

/** In whole seconds, such as `1 minute 3 seconds`. */
export const inWords = (ms: number): string =>
  formatDuration(intervalToDuration({ start: 0, end: Math.round(ms / 1_000) * 1_000 })) || "0 seconds";
