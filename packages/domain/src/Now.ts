/**
 * The clock that plans and stamps: which month is the current one, and when a capture was made. Pacing, back-off and time-outs
 * follow Effect's own Clock, so that setting this one never changes how fast a run goes.
 */
import * as Clock from "effect/Clock";
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import { type EpochMicros, fromMillis } from "./Instant.ts";

export const Now = Context.Reference<Effect.Effect<EpochMicros>>("@segmeter/domain/Now", {
  defaultValue: () => Effect.map(Clock.currentTimeMillis, fromMillis),
});

/** The present instant by {@link Now}. */
export const now: Effect.Effect<EpochMicros> = Effect.flatten(Now);
