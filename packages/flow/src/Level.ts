/**
 * Level: brings sinks that lag up to what the others hold, without a call to the service: partitions with their whole history,
 * and the books around them.
 *
 * A sink's ledger names a held capture of a partition only once that capture is part of the partition's history there: so the
 * ledgers tell which captures a sink has not seen, whatever was killed when.
 */
import {
  Books,
  Capture,
  Partition,
  type Sink,
  type SinkError,
  sinkError,
  type SinkName,
  usageRowsOf,
  usageTableOf,
} from "@segmeter/domain";
import * as Effect from "effect/Effect";
import * as Equal from "effect/Equal";
import { type Known, mergeHistories } from "./History.ts";

/** A sink, and the held captures of each partition by its own ledger, by the partition's label. */
export interface Party {
  readonly sink: Sink;
  readonly books: Books.Books;
}

/** Reads the books of each sink. Memory: the books. */
export const partiesOf = (
  workspaceId: string,
  sinks: ReadonlyArray<Sink>,
): Effect.Effect<ReadonlyArray<Party>, SinkError> =>
  Effect.forEach(sinks, (sink) => Effect.map(sink.books(workspaceId), (books) => ({ sink, books })), {
    concurrency: "unbounded",
  });

/** What a sink knows of a partition, or undefined. Memory: the partition, with its revisions. */
export const knownOf = Effect.fnUntraced(function* (
  { books, sink }: Party,
  partition: Partition.Partition,
): Effect.fn.Return<Known | undefined, SinkError> {
  const held = yield* sink.read(partition);
  if (held === undefined) return undefined;
  const revisions = yield* sink.revisions(partition);
  const entered = books.captures.filter((one) => Capture.isHeld(one) && Partition.equals(one.partition, partition));
  const rows = usageRowsOf(usageTableOf(partition), held.rows);
  return {
    history: { capture: held.capture, rows, revisions },
    captures: Books.mergeCaptures(entered, [held.capture]),
  };
});

/** Makes a sink hold a partition just as it is known, whatever it held before. */
export const copyTo = (sink: Sink, { captures, history }: Known): Effect.Effect<void, SinkError> =>
  Effect.uninterruptible(
    sink.replace({ capture: history.capture, rows: history.rows }, Capture.wholly(history, captures)),
  );

export interface Levelled {
  readonly known: Known;
  /** The sinks that were brought up. */
  readonly to: ReadonlyArray<SinkName>;
}

/** Brings every sink to what all of them together know of a partition. Errors: those of the sinks; `Damaged` when none has it. */
export const level = Effect.fn("Flow.level")(function* (
  partition: Partition.Partition,
  parties: ReadonlyArray<Party>,
): Effect.fn.Return<Levelled, SinkError> {
  const all = yield* Effect.forEach(parties, (party) =>
    Effect.map(knownOf(party, partition), (known) => ({ sink: party.sink, known })),
  );
  const merged = all.map(({ known }) => known).reduce((a, b) => (a && b ? mergeHistories(a, b) : (a ?? b)), undefined);
  if (merged === undefined) {
    const detail = "A sink lists a capture that it does not have.";
    return yield* sinkError(`read ${partition.dataset} ${partition.month}`, "Damaged", detail);
  }
  const lagging = all.filter(({ known }) => known !== merged && !hasSeen(known, merged));
  // Those that hold the newest capture already come first: until they are done another one lags visibly, whatever is killed when.
  const [newest, older] = [lagging.filter(holds(merged)), lagging.filter((one) => !holds(merged)(one))];
  yield* Effect.forEach([...newest, ...older], ({ sink }) => copyTo(sink, merged), { discard: true });
  return { known: merged, to: lagging.map(({ sink }) => sink.name) };
});

const holds =
  ({ history }: Known) =>
  ({ known }: { readonly known: Known | undefined }): boolean =>
    known?.history.capture.captureId === history.capture.captureId;

/** Whether a sink holds the same capture, and has seen every capture that led to it. */
const hasSeen = (known: Known | undefined, merged: Known): boolean =>
  known !== undefined &&
  holds(merged)({ known }) &&
  merged.captures.every(({ captureId }) => known.captures.some((one) => one.captureId === captureId));

/**
 * Adds to each sink's books what the others have, but for held captures of partitions that are not level: a sink that has not
 * seen them must not name them. Returns how many sinks lacked something.
 */
export const levelBooks = Effect.fn("Flow.levelBooks")(function* (
  workspaceId: string,
  parties: ReadonlyArray<Party>,
  isLevel: (partition: Partition.Partition) => boolean,
): Effect.fn.Return<number, SinkError> {
  if (parties.length < 2) return 0;
  const union = parties.reduce((all, { books }) => Books.merge(all, books), Books.empty);
  let lacking = 0;
  for (const { books, sink } of parties) {
    const lacks = lackOf(books, union, (one) => !Capture.isHeld(one) || isLevel(one.partition));
    if (isEmpty(lacks)) continue;
    lacking++;
    yield* sink.addBooks(workspaceId, lacks);
  }
  return lacking;
});

/** Whether all sinks hold the same capture of a partition, or none of it. */
export const isLevelIn = (
  ledgers: ReadonlyArray<ReadonlyArray<Capture.Capture>>,
): ((partition: Partition.Partition) => boolean) => {
  const held = ledgers.map((captures) => new Map(captures.map((one) => [Partition.label(one.partition), one])));
  return (partition) => new Set(held.map((captures) => captures.get(Partition.label(partition))?.captureId)).size === 1;
};

/** What the union has and the books lack, or have otherwise. */
export const lackOf = (
  books: Books.Books,
  union: Books.Books,
  wanted: (capture: Capture.Capture) => boolean = () => true,
): Books.Books => ({
  captures: missing(books.captures, union.captures.filter(wanted), ({ captureId }) => captureId),
  runs: missing(books.runs, union.runs, (row) => row.run_id),
  workspaces: missing(books.workspaces, union.workspaces, (row) => row.id),
  sources: missing(books.sources, union.sources, (row) => row.id),
});

export const isEmpty = ({ captures, runs, sources, workspaces }: Books.Books): boolean =>
  captures.length + runs.length + sources.length + workspaces.length === 0;

const missing = <A>(have: ReadonlyArray<A>, all: ReadonlyArray<A>, idOf: (one: A) => string): ReadonlyArray<A> => {
  const held = new Map(have.map((one) => [idOf(one), one]));
  return all.filter((one) => !Equal.equals(held.get(idOf(one)), one));
};
