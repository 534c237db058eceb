/**
 * `segmeter simulate`: a local Segment API with made-up data and faults, to try everything with no token.
 */
import * as Command from "effect/cli/Command";
import * as Flag from "effect/cli/Flag";
import * as Console from "effect/Console";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import * as Result from "effect/Result";
import * as Flags from "./Flags.ts";
import { usageError } from "./UsageError.ts";

export const simulate = Command.make(
  "simulate",
  {
    port: Flags.whole("port", 0, 65_535).pipe(
      Flag.withDescription("Port on 127.0.0.1; 0 takes any free one (default: 4010)"),
      Flag.withDefault(4010),
    ),
    sources: Flags.whole("sources", 1, 20_000).pipe(
      Flag.withDescription("Sources of each workspace (default: 40)"),
      Flag.withDefault(40),
    ),
    workspaces: Flags.whole("workspaces", 1, 100).pipe(
      Flag.withDescription("Workspaces, each with its own token (default: 1)"),
      Flag.withDefault(1),
    ),
    since: Flag.String("since").pipe(
      Flag.withMetavar("YYYY-MM"),
      Flag.withDescription("First month with data (default: 2024-01)"),
      Flag.withDefault("2024-01"),
    ),
    now: Flag.String("now").pipe(
      Flag.withDescription("What the service takes for the present, ISO-8601 (default: the real time)"),
      Flag.optional,
    ),
    seed: Flags.whole("seed", 0, 4_294_967_295).pipe(
      Flag.withDescription("Which world is made up (default: 1)"),
      Flag.withDefault(1),
    ),
    latency: Flags.whole("latency", 0, 600_000).pipe(
      Flag.withDescription("Milliseconds before each answer (default: 0)"),
      Flag.withDefault(0),
    ),
    rateLimit: Flag.String("rate-limit").pipe(
      Flag.withMetavar("N/SECONDS"),
      Flag.withDescription("Requests let through in a window, such as 50/60"),
      Flag.optional,
    ),
    fault: Flag.String("fault").pipe(
      Flag.withMetavar("KIND:KEY=VALUE,…"),
      Flag.withDescription("A fault to switch on; repeat for several. --list-faults tells the kinds"),
      Flag.atLeast(0),
    ),
    listFaults: Flag.Boolean("list-faults").pipe(
      Flag.withDescription("List the faults, and end"),
      Flag.withDefault(false),
    ),
    json: Flags.json,
  },
  Effect.fn("simulate")(function* (given) {
    const { faultKinds, parseFault, startSimulator } = yield* Effect.promise(() => import("@segmeter/simulator"));
    if (given.listFaults) {
      return yield* Effect.forEach(faultKinds, ({ description, kind }) => Console.log(`${kind}\n    ${description}`), {
        discard: true,
      });
    }
    const faults = yield* Effect.forEach(given.fault, (text) =>
      Result.match(parseFault(text), {
        onFailure: (error) =>
          Effect.fail(usageError(error.message, "segmeter simulate --list-faults tells the kinds.")),
        onSuccess: Effect.succeed,
      }),
    );
    const rateLimit = yield* rateLimitOf(given.rateLimit);
    return yield* Effect.scoped(
      Effect.gen(function* () {
        const simulator = yield* startSimulator({
          port: given.port,
          seed: given.seed,
          workspaces: Array.from({ length: given.workspaces }, () => ({ sources: given.sources, from: given.since })),
          latencyMs: given.latency,
          ...(rateLimit === undefined ? {} : { rateLimit }),
          ...(Option.isSome(given.now) ? { now: given.now.value } : {}),
        }).pipe(
          Effect.mapError((error) =>
            usageError(
              `The simulator can't start: ${error.hint.replaceAll(/\s*\n\s*/g, " ")}.`,
              "Check its flags; --port 0 takes any free port.",
            ),
          ),
        );
        for (const fault of faults) simulator.faults.add(fault);
        const [first] = simulator.workspaces;
        yield* given.json
          ? Console.log(
              JSON.stringify({ event: "simulator-started", url: simulator.url, workspaces: simulator.workspaces }),
            )
          : Console.log(
              [
                `A Segment API with made-up data is at ${simulator.url}; Ctrl-C ends it. In another terminal:`,
                "",
                `  export SEGMENT_API_URL=${simulator.url} SEGMENT_TOKEN=${first?.token}`,
                `  segmeter backfill --from ${given.since}`,
                ...simulator.workspaces.slice(1).map(({ name, token }) => `  # ${name}: SEGMENT_TOKEN=${token}`),
              ].join("\n"),
            );
        return yield* Effect.never;
      }),
    );
  }),
).pipe(
  Command.withDescription(
    "Serves a Segment Public API with made-up data on 127.0.0.1, with rate limits and faults on request. Its tokens are no secrets.",
  ),
  Command.withShortDescription("Serve a local Segment API with made-up data"),
  Command.withExamples([
    { command: "segmeter simulate", description: "40 sources since 2024-01, on port 4010" },
    {
      command: "segmeter simulate --rate-limit 50/10 --fault html-502:path=/usage/mtu/daily,times=2",
      description: "With a rate limit, and two proxy errors",
    },
  ]),
);

const rateLimitOf = (text: Option.Option<string>) => {
  if (Option.isNone(text)) return Effect.void;
  const match = /^(\d{1,9})\/(\d{1,5}(?:\.\d{1,3})?)$/.exec(text.value);
  return match === null
    ? Effect.fail(
        usageError(
          `--rate-limit ${JSON.stringify(text.value)} is no limit.`,
          "Write it as requests/seconds, such as 50/60.",
        ),
      )
    : Effect.succeed({ limit: Number(match[1]), windowMs: Math.round(Number(match[2]) * 1_000) });
};
