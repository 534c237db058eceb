/**
 * The command line: the commands, how bad input is told, and exit codes.
 */
import * as CliConfig from "effect/cli/CliConfig";
import * as CliOutput from "effect/cli/CliOutput";
import * as Command from "effect/cli/Command";
import * as GlobalFlag from "effect/cli/GlobalFlag";
import * as Effect from "effect/Effect";
import * as Predicate from "effect/Predicate";
import { version } from "../Version.ts";
import { backfill } from "./BackfillCommand.ts";
import { doctor } from "./DoctorCommand.ts";
import { type CommandError, exitCodeOf, exitCodes } from "./ExitCode.ts";
import { isReaderGone, say } from "./Output.ts";
import { nightly } from "./NightlyCommand.ts";
import { query } from "./QueryCommand.ts";
import { rebuild } from "./RebuildCommand.ts";
import { rejects } from "./RejectsCommand.ts";
import { simulate } from "./SimulateCommand.ts";
import { status } from "./StatusCommand.ts";
import { verify } from "./VerifyCommand.ts";

const segmeter = Command.make("segmeter").pipe(
  Command.withDescription(
    "Keeps the usage that Twilio Segment bills by: every daily figure, as Parquet and in DuckDB, on your own machine.",
  ),
  Command.withSubcommands([backfill, nightly, status, query, rejects, verify, rebuild, doctor, simulate]),
  Command.withExamples([
    { command: "segmeter backfill --from 2024-01 --to 2024-12", description: "Capture a year" },
    { command: "segmeter nightly", description: "Capture what is open, from a scheduler" },
    { command: 'segmeter query "SELECT * FROM workspace_mtu_monthly"', description: "Ask DuckDB" },
  ]),
);

/** Bad input gets its reason, and where to read on; not the whole help. */
const presenter: CliOutput.Presenter = {
  present: (event) => {
    if (event._tag !== "InvalidInvocation") return CliOutput.defaultPresenter.present(event);
    const reasons = event.errors.map(({ message }) => shortened(message.replaceAll(/\s+/g, " ").trim()));
    return say(`segmeter: ${reasons.join("; ")}. See: ${event.commandPath.join(" ")} --help`);
  },
};

/** Characters of a reason that are told; an argument that it repeats may have any number. */
const longestReason = 500;

const shortened = (text: string): string =>
  text.length <= longestReason ? text : `${text.slice(0, longestReason).toWellFormed()}…`;

/** Never fails: ends with the exit code. */
export const main = (args: ReadonlyArray<string>) =>
  Command.runWith(segmeter, { version })(args).pipe(
    Effect.as<number>(exitCodes.done),
    Effect.catch((error) => {
      if (error._tag === "ShowHelp") {
        return Effect.succeed(error.errors.length === 0 ? exitCodes.done : exitCodes.usage);
      }
      if (!isCommandError(error)) return Effect.as(say(`segmeter: ${error.message}`), exitCodes.usage);
      const code = exitCodeOf(error);
      return error._tag === "Incomplete" || error._tag === "TokenRefused"
        ? Effect.succeed(code)
        : Effect.as(say(`segmeter: ${withoutToken(error.message)}`), code);
    }),
    Effect.catchDefect((defect) => (isReaderGone(defect) ? Effect.succeed(exitCodes.done) : Effect.die(defect))),
    Effect.provideService(CliOutput.Presenter, presenter),
    // Nothing is logged, so there is no level to set.
    Effect.provideService(
      CliConfig.CliConfig,
      CliConfig.make({ builtIns: CliConfig.defaults.builtIns.filter((flag) => flag !== GlobalFlag.LogLevel) }),
    ),
  );

const tags = ["UsageError", "SegmentError", "SinkError", "QueryError", "Incomplete", "TokenRefused"];
const isCommandError = (error: { readonly _tag: string }): error is CommandError => tags.includes(error._tag);

/** No error holds the token; this is the second lock on the door. */
export const withoutToken = (text: string): string => {
  const token = process.env["SEGMENT_TOKEN"]?.trim();
  return Predicate.isString(token) && token.length > 3 ? text.replaceAll(token, "<token>") : text;
};
