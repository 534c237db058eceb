/**
 * Counts the HTTP requests made on behalf of something, a partition or a run. Whoever wants to know provides a tally; the requests
 * made below it are counted there, and in the tally above.
 */
import * as Context from "effect/Context";

export interface CallTally {
  readonly requests: number;
  /** Requests that were tries after a failure. */
  readonly retries: number;
  readonly count: (isRetry: boolean) => void;
}

export const makeCallTally = (above?: CallTally): CallTally => {
  const tally = {
    requests: 0,
    retries: 0,
    count: (isRetry: boolean) => {
      tally.requests++;
      if (isRetry) tally.retries++;
      above?.count(isRetry);
    },
  };
  return tally;
};

export const CallTally = Context.Reference<CallTally>("@segmeter/segment/CallTally", {
  defaultValue: () => makeCallTally(),
});
