/**
 * From what ended a command to its exit code, and to the one sentence that says why. Part of the contract.
 */
import type { SinkError } from "@segmeter/domain";
import type { SegmentError } from "@segmeter/segment";
import * as Exit from "effect/Exit";
import * as Option from "effect/Option";
import type { UsageError } from "./UsageError.ts";

export const exitCodes = {
  done: 0,
  /** Some partitions failed; the others are committed. */
  incomplete: 1,
  usage: 2,
  tokenRefused: 3,
  /** Another process holds the data directory. */
  busy: 4,
  interrupted: 130,
  terminated: 143,
} as const;

/** The code for an interruption; SIGTERM, when it comes, sets its own. */
export const interruption: { code: number } = { code: exitCodes.interrupted };

/** A command that came to its end, but not to all of its purpose. Its words are out already. */
export class Incomplete {
  readonly _tag = "Incomplete";
}

/** The token is refused, and the words about it are out already. */
export class TokenRefused {
  readonly _tag = "TokenRefused";
}

/** `QueryError` of the DuckDB adapter, by shape: the adapter is loaded only when it is needed. */
interface QueryFailure {
  readonly _tag: "QueryError";
  readonly message: string;
}

export type CommandError = UsageError | SegmentError | SinkError | QueryFailure | Incomplete | TokenRefused;

export const exitCodeOf = (error: CommandError): number => {
  switch (error._tag) {
    case "UsageError":
    case "QueryError":
      return exitCodes.usage;
    case "Incomplete":
      return exitCodes.incomplete;
    case "TokenRefused":
      return exitCodes.tokenRefused;
    case "SegmentError":
      return error.reason._tag === "Unauthorized" || error.reason._tag === "WrongRegion"
        ? exitCodes.tokenRefused
        : exitCodes.incomplete;
    case "SinkError":
      switch (error.reason) {
        case "Busy":
          return exitCodes.busy;
        case "Unwritable":
        case "Foreign":
        case "Damaged":
          return exitCodes.usage;
        default:
          return exitCodes.incomplete;
      }
  }
};

/** The code that a run's command will end with. `failed`: partitions that failed. */
export const exitCodeOfRun = (exit: Exit.Exit<void, CommandError>, failed: number): number => {
  if (Exit.isSuccess(exit)) return failed === 0 ? exitCodes.done : exitCodes.incomplete;
  if (Exit.hasInterrupts(exit)) return interruption.code;
  return Option.match(Exit.findErrorOption(exit), { onNone: () => exitCodes.incomplete, onSome: exitCodeOf });
};
