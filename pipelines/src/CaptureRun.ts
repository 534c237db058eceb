/**
 * The run that every capturing command is: who the token belongs to, what is held, the plan, the work, and the book-keeping around
 * it. `backfill` is this with a range of months, `nightly` with every month that is open.
 */
import { Books, type Capture, type Instant, now, type Run, type Sink, type SinkError } from "@segmeter/domain";
import {
  type FlowConfig,
  type FatalError,
  isLevelIn,
  levelBooks,
  Listener,
  makeFindings,
  makeProgress,
  partiesOf,
  plan,
  readSources,
  Rejects,
  runPlan,
  type Target,
  tellFindings,
} from "@segmeter/flow";
import { CallTally, isTokenRefused, makeCallTally, SegmentClient, type SegmentError } from "@segmeter/segment";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import { version } from "./Version.ts";

export interface CaptureRunRequest {
  /** The command, for the table `runs`. */
  readonly command: string;
  /** Its arguments, for the table `runs`; never a secret. */
  readonly arguments: Readonly<Record<string, unknown>>;
  /** What the run aims at, in the order in which it is to be done; `ledger`: all that was ever captured of the workspace. */
  readonly targets: (ledger: ReadonlyArray<Capture.Capture>, now: Instant.EpochMicros) => ReadonlyArray<Target>;
  readonly sinks: ReadonlyArray<Sink>;
  readonly config: FlowConfig;
  readonly pageSize: number;
  /** Plan only: nothing is captured or written. */
  readonly dryRun: boolean;
  /** The code that the process will end with, for the table `runs`. `failed`: partitions that failed. */
  readonly exitCode: (exit: Exit.Exit<void, FatalError>, failed: number) => number;
}

export interface CaptureRunResult {
  readonly runId: string;
  readonly totals: Run.RunTotals;
}

/** Told when a run ends, however it ends; `isWhole`: nothing ended it before all of the plan was done. */
export type OnFinish = (result: CaptureRunResult, isWhole: boolean) => Effect.Effect<void>;

export const runCapture = Effect.fn("runCapture")(function* (
  request: CaptureRunRequest,
  onFinish: OnFinish,
): Effect.fn.Return<CaptureRunResult, FatalError, SegmentClient | Rejects> {
  const { config, pageSize, sinks } = request;
  const client = yield* SegmentClient;
  const tell = yield* Listener;
  const runId = crypto.randomUUID();
  const calls = makeCallTally();
  const progress = makeProgress();
  const findings = makeFindings();
  const totals = Effect.map(client.throttledMs, (throttledMs): Run.RunTotals => ({
    ...progress,
    requests: calls.requests,
    retries: calls.retries,
    throttledMs,
  }));

  return yield* Effect.gen(function* () {
    const [workspace, foreseen] = yield* Effect.all([client.workspace, onlyWorkspace(sinks)], {
      concurrency: "unbounded",
    });
    const { holdings, parties } = foreseen?.id === workspace.id ? foreseen : yield* inventory(workspace.id, sinks);
    const ledger = parties.reduce((all, { books }) => Books.merge(all, books), Books.empty).captures;
    const targets = request.targets(ledger, yield* now);
    const planned = plan({ workspaceId: workspace.id, targets, holdings, pageSize });
    const captures = planned.tasks.filter(({ _tag }) => _tag === "Capture").length;
    yield* tell({
      _tag: "RunPlanned",
      captures,
      skipped: planned.tasks.length - captures + planned.skipped,
      leastRequests: planned.leastRequests,
    });
    if (request.dryRun) return { runId, totals: yield* totals };

    const started = yield* now;
    const run: Run.Run = {
      runId,
      workspaceId: workspace.id,
      command: request.command,
      arguments: request.arguments,
      version,
      started,
    };
    const save = (state: Run.Run) => Effect.forEach(sinks, (sink) => sink.saveRun(state), sideBySide);
    const ledgers = holdings.map((holding) => holding.held);
    yield* levelBooks(workspace.id, parties, isLevelIn(ledgers));
    yield* (yield* Rejects).sweep(workspace.id, ledgers.flat());

    const work = Effect.gen(function* () {
      // The service is asked meanwhile; nothing of a run is written before it is in the book.
      const booked = yield* Effect.cached(save(run));
      const named = planned.tasks.length === 0 ? Effect.void : saveNames(workspace, sinks, booked);
      const captured = runPlan({ plan: planned, runId, config, parties, progress, findings, booked });
      // None needs another; a token that is refused ends all.
      yield* Effect.all([booked, named, captured], sideBySide);
    });
    // However the work ends, the book says so; a book that can't be written must not hide why the work failed.
    return yield* Effect.onExit(work, (exit) =>
      Effect.gen(function* () {
        const ended = { at: yield* now, exit: request.exitCode(exit, progress.failed), totals: yield* totals };
        yield* save({ ...run, ended }).pipe((saved) => (Exit.isSuccess(exit) ? saved : Effect.ignore(saved)));
      }),
    ).pipe(Effect.andThen(Effect.map(totals, (final) => ({ runId, totals: final }))));
  }).pipe(
    Effect.provideService(CallTally, calls),
    Effect.onExit((exit) =>
      Effect.andThen(
        tellFindings(findings),
        Effect.flatMap(totals, (final) => onFinish({ runId, totals: final }, Exit.isSuccess(exit))),
      ),
    ),
  );
});

/** What the sinks have of a workspace. Memory: the books. */
const inventory = (id: string, sinks: ReadonlyArray<Sink>) => {
  const held = Effect.forEach(
    sinks,
    (sink) => Effect.map(sink.held(id), (captures) => ({ sink: sink.name, held: captures })),
    { concurrency: "unbounded" },
  );
  return Effect.map(Effect.all([held, partiesOf(id, sinks)], { concurrency: "unbounded" }), ([holdings, parties]) => ({
    id,
    holdings,
    parties,
  }));
};

/**
 * The same where they have one workspace, as nearly all do: it can be read while the service is asked whose the token is. What
 * can't be read is undefined; it is met again by who needs it.
 */
const onlyWorkspace = (sinks: ReadonlyArray<Sink>) =>
  Effect.forEach(sinks, (sink) => sink.workspaceIds, { concurrency: "unbounded" }).pipe(
    Effect.flatMap((found) => {
      const [id, ...others] = new Set(found.flat());
      return id === undefined || others.length > 0 ? Effect.undefined : inventory(id, sinks);
    }),
    Effect.orElseSucceed(() => undefined),
  );

const sideBySide = { concurrency: "unbounded", discard: true } as const;

/** Names are no figures: where they cannot be read, the run goes on and says so. */
const saveNames = (
  workspace: { readonly id: string; readonly slug: string; readonly name: string },
  sinks: ReadonlyArray<Sink>,
  booked: Effect.Effect<void, SinkError>,
): Effect.Effect<void, SinkError | SegmentError, SegmentClient> =>
  Effect.gen(function* () {
    const tell = yield* Listener;
    const sources = yield* readSources.pipe(
      Effect.catchIf(
        (error) => !isTokenRefused(error),
        (error) => Effect.as(tell({ _tag: "NamesUnread", message: error.message }), []),
      ),
    );
    const seenAt = yield* now;
    yield* booked;
    yield* Effect.forEach(sinks, (sink) => sink.saveNames({ workspace, sources, seenAt }), sideBySide);
  });
