/**
 * One effect at a time for each file, so that of two that rewrite it none loses what the other added.
 */
import type * as Effect from "effect/Effect";
import * as Semaphore from "effect/Semaphore";

export type OneAtATime = <A, E, R>(path: string, effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>;

export const makeLocks = (): OneAtATime => {
  const locks = new Map<string, Semaphore.Semaphore>();
  return (path, effect) => {
    const lock = locks.get(path) ?? Semaphore.makeUnsafe(1);
    locks.set(path, lock);
    return lock.withPermits(1)(effect);
  };
};
