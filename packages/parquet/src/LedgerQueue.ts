/**
 * Captures of one month share a ledger file. Those that are ready at the same time are committed together, so that the file is
 * written once for all of them.
 *
 * The order is that of one: the ledger is written beside its place first, then each partition is put in its place, then the
 * ledger. A partition in place stands, whatever becomes of the ledger, which is then merely behind; that is told as a failure all
 * the same, for the ledger is part of what is asked for, and what was written for it is left as a mark for the next run.
 */
import type { Capture, Encoder, SinkError, Table } from "@segmeter/domain";
import * as Deferred from "effect/Deferred";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import type { OneAtATime } from "./Locks.ts";
import {
  commitOf,
  type KnownLedgers,
  ledgerFile,
  type MonthOfLedger,
  type StagedLedger,
  stageLedger,
} from "./ParquetLedger.ts";

/** A partition that is ready to be put in its place. */
export interface Ready {
  readonly of: MonthOfLedger;
  /** What its ledger is to say. */
  readonly entries: ReadonlyArray<Capture.Capture>;
  readonly place: Effect.Effect<void, SinkError>;
  /** Whether it is in its place although `place` failed, as on a disk that fails between a rename and making it last. */
  readonly isThere: Effect.Effect<boolean, SinkError>;
}

/**
 * Puts it in its place, and enters it in the ledger. Interrupted, it does both or neither, and what others wait for goes on.
 * Errors: its own; those of the ledger's writing, also where the partition is in its place.
 */
export type Commit = (ready: Ready) => Effect.Effect<void, SinkError>;

interface Waiting extends Ready {
  readonly done: Deferred.Deferred<void, SinkError>;
}

export const makeLedgerQueue = (
  dataDir: string,
  encoder: Encoder,
  oneAtATime: OneAtATime,
  known: KnownLedgers,
): Commit => {
  const queues = new Map<string, Array<Waiting>>();

  const stage = (batch: ReadonlyArray<Ready>, before: ReadonlyArray<Capture.Capture> = []) => {
    const { month, workspaceId } = batch[0]!.of;
    const strictly = new Set<Table>(batch.flatMap(({ of }) => [...(of.strictly ?? [])]));
    const entries = [...before, ...batch.flatMap((ready) => ready.entries)];
    return stageLedger(dataDir, encoder, { workspaceId, month, strictly }, entries, known);
  };

  /** Each partition's own outcome. Fails where the ledger cannot be written; then none was put in its place. */
  const commitTogether = (batch: ReadonlyArray<Waiting>) =>
    Effect.scoped(
      Effect.gen(function* () {
        const ledger = yield* stage(batch);
        yield* Effect.uninterruptible(place(batch, ledger));
      }),
    );

  const place = Effect.fnUntraced(function* (batch: ReadonlyArray<Waiting>, ledger: StagedLedger | undefined) {
    const exits = yield* Effect.forEach(batch, (one) => Effect.exit(one.place), { concurrency: "unbounded" });
    const stands = yield* Effect.forEach(batch, ({ isThere }, index) =>
      Exit.isSuccess(exits[index]!) ? Effect.succeed(Exit.succeed(true)) : Effect.exit(isThere),
    );
    const inPlace = batch.filter((_, index) => Exit.isSuccess(stands[index]!) && stands[index].value);
    const isWhole = inPlace.length === batch.length;
    const entered = yield* Effect.exit(isWhole ? commitOf(ledger) : enter(inPlace, ledger));
    // Where nobody can tell now what is in its place, the next run can.
    if (Exit.isFailure(entered) || stands.some(Exit.isFailure)) yield* ledger?.leave ?? Effect.void;
    batch.forEach(({ done }, index) => {
      const placed = exits[index]!;
      Deferred.doneUnsafe(done, Exit.isSuccess(placed) ? entered : placed);
    });
  });

  /** Of those only; `ledger`: what was written for all of them. */
  const enter = (batch: ReadonlyArray<Ready>, ledger: StagedLedger | undefined) =>
    batch.length === 0 ? Effect.void : Effect.scoped(Effect.flatMap(stage(batch, ledger?.before), commitOf));

  /** What cannot be committed together may be one's fault: then each goes by itself. */
  const commitAll = (batch: ReadonlyArray<Waiting>): Effect.Effect<void> =>
    Effect.catch(commitTogether(batch), (error) => {
      const [first, ...others] = batch;
      if (others.length > 0) return Effect.forEach(batch, (one) => commitAll([one]), { discard: true });
      return Effect.sync(() => void Deferred.doneUnsafe(first!.done, Exit.fail(error)));
    });

  return Effect.fn("LedgerQueue.commit")(function* (ready) {
    const { path } = yield* ledgerFile(dataDir, ready.of);
    const waiting: Waiting = { ...ready, done: Deferred.makeUnsafe<void, SinkError>() };
    const queue = queues.get(path) ?? [];
    queues.set(path, queue);
    queue.push(waiting);
    const turn = Effect.suspend(() => {
      const batch = queue.splice(0);
      if (batch.length === 0) return Effect.void;
      // Whoever comes next takes over what the others wait for.
      const release = Effect.sync(() => {
        Deferred.doneUnsafe(waiting.done, Effect.interrupt);
        queue.unshift(...batch.filter(({ done }) => !Deferred.isDoneUnsafe(done)));
      });
      return Effect.onInterrupt(commitAll(batch), () => release);
    });
    // One that another has in hand is waited for: its files must not go meanwhile.
    const withdraw = Effect.suspend(() => {
      const place = queue.indexOf(waiting);
      if (place >= 0) queue.splice(place, 1);
      return place >= 0 ? Effect.void : Effect.ignore(Deferred.await(waiting.done));
    });
    yield* Effect.andThen(oneAtATime(path, turn), Deferred.await(waiting.done)).pipe(
      Effect.onInterrupt(() => withdraw),
    );
  });
};
