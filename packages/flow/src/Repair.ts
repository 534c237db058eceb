/**
 * Repair: mends what verify found, as far as another sink has what is lost here. Nothing that can be read is thrown away: what is
 * at fault is put aside, and a partition without an intact copy is left as it is.
 */
import { Books, Capture, Partition, type Sink, type SinkError } from "@segmeter/domain";
import * as Effect from "effect/Effect";
import * as Result from "effect/Result";
import { copyTo, isLevelIn, knownOf, level, levelBooks, type Party } from "./Level.ts";
import { type Problem, sweepable, type Verified, verify } from "./Verify.ts";

export interface Repaired {
  readonly before: Verified;
  /** What was done, in sentences, in order. */
  readonly actions: ReadonlyArray<string>;
  /** What is left; a sink by itself can often not be mended. */
  readonly after: Verified;
}

/** Memory: as `verify`. Errors: those of the sinks. To be called by the one process that holds the data directory. */
export const repair = Effect.fn("Flow.repair")(function* (
  sinks: ReadonlyArray<Sink>,
): Effect.fn.Return<Repaired, SinkError> {
  const first = yield* verify(sinks);
  const actions: Array<string> = [];
  const clear = (problem: Problem) =>
    problem.clear === undefined ? Effect.void : Effect.map(problem.clear, (action) => void actions.push(action));

  // What is astray goes whether or not anything takes its place.
  const isSwept = ({ kind }: Problem) => sweepable.has(kind) || kind === "astray";
  const swept = first.problems.filter(isSwept);
  yield* Effect.forEach(swept, clear);
  // Of a partition with a change that was cut off, what else is wrong is only seen now.
  const hidSome = swept.some(({ clear: settle, kind }) => kind === "pending" && settle !== undefined);
  const seen = hidSome ? yield* verify(sinks) : first;
  const isStill = (problem: Problem) =>
    seen.problems.some(({ kind, where }) => kind === problem.kind && where === problem.where);
  const before = { ...seen, problems: [...swept.filter((problem) => !isStill(problem)), ...seen.problems] };
  const faults = before.problems.filter(({ kind }) => !sweepable.has(kind));
  const own = faults.filter(({ kind }) => kind !== "lagging" && kind !== "differing");
  // A file of the books makes room for what the others know; with one sink alone nobody does.
  if (sinks.length > 1) {
    yield* Effect.forEach(
      own.filter((problem) => problem.partition === undefined && !isSwept(problem)),
      clear,
    );
  }

  const damaged = Map.groupBy(
    own.filter(({ partition }) => partition !== undefined),
    ({ partition }) => Partition.label(partition!),
  );
  for (const [label, problems] of damaged) {
    const partition = problems[0]!.partition!;
    const isAtFault = ({ name }: Sink) => problems.some((problem) => problem.sinks.includes(name));
    const holdings = problems.flatMap(({ clear: putAside, sinks: names }) =>
      putAside === undefined ? names.flatMap((name) => before.held.get(name)?.get(label) ?? []) : [],
    );
    const donor = sinks.find((sink) => {
      const held = before.held.get(sink.name)?.get(label);
      // What is not put aside is overwritten, and must not give way to an older capture.
      return held !== undefined && !isAtFault(sink) && holdings.every((own) => Capture.byTime(own, held) <= 0);
    });
    if (donor === undefined) continue;
    yield* Effect.forEach(
      problems.filter((problem) => !isSwept(problem)),
      clear,
    );
    yield* copy(partition, yield* partyOf(donor, partition.workspaceId), sinks.filter(isAtFault), actions);
  }

  for (const { kind, partition } of faults) {
    if (partition === undefined || damaged.has(Partition.label(partition))) continue;
    const parties = yield* Effect.forEach(sinks, (sink) => partyOf(sink, partition.workspaceId));
    const { to } = yield* level(partition, parties);
    if (to.length > 0) actions.push(`${Partition.label(partition)}: brought up in ${to.join(", ")}.`);
    // The first sink's files have a checksum, and it was found to hold; it has seen by now what the others have.
    if (kind === "differing") {
      yield* copy(partition, yield* partyOf(sinks[0]!, partition.workspaceId), sinks.slice(1), actions);
    }
  }
  yield* mendBooks(sinks, actions);
  const after = yield* verify(sinks);
  // What could not be seen behind what is mended now, such as what a ledger lacks whose file was put aside.
  const late = after.problems.filter(isSwept);
  if (late.length === 0) return { before, actions, after };
  yield* Effect.forEach(late, clear);
  return { before, actions, after: yield* verify(sinks) };
});

const copy = Effect.fnUntraced(function* (
  partition: Partition.Partition,
  from: Party,
  to: ReadonlyArray<Sink>,
  actions: Array<string>,
) {
  const known = yield* knownOf(from, partition);
  if (known === undefined) return;
  yield* Effect.forEach(to, (sink) => copyTo(sink, known), { discard: true });
  const names = to.map(({ name }) => name).join(", ");
  actions.push(`${Partition.label(partition)}: restored in ${names} from ${from.sink.name}.`);
});

/** Books that cannot be read are none for now: figures are mended without them. */
const partyOf = (sink: Sink, workspaceId: string): Effect.Effect<Party> =>
  Effect.map(
    Effect.orElseSucceed(sink.books(workspaceId), () => Books.empty),
    (books) => ({ sink, books }),
  );

const mendBooks = Effect.fnUntraced(function* (sinks: ReadonlyArray<Sink>, actions: Array<string>) {
  if (sinks.length < 2) return;
  const ids = new Set((yield* Effect.forEach(sinks, (sink) => sink.workspaceIds)).flat());
  for (const id of ids) {
    const all = yield* Effect.forEach(sinks, (sink) =>
      Effect.result(Effect.map(sink.books(id), (books): Party => ({ sink, books }))),
    );
    const parties = all.flatMap((one) => (Result.isSuccess(one) ? [one.success] : []));
    const held = yield* Effect.forEach(parties, ({ sink }) => Effect.result(sink.held(id)));
    const ledgers = held.map((one) => (Result.isSuccess(one) ? one.success : []));
    if (parties.length < sinks.length || (yield* levelBooks(id, parties, isLevelIn(ledgers))) === 0) continue;
    actions.push(`The books of workspace ${id}: brought to one.`);
  }
});
