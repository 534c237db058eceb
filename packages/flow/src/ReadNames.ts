/**
 * Reads all sources of the workspace, for what names the ids in the figures.
 */
import type { Name } from "@segmeter/domain";
import { type Page, SegmentClient, SegmentError, UnexpectedBody } from "@segmeter/segment";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import * as Stream from "effect/Stream";
import { makeAdvance } from "./Advance.ts";

/** Shape: every source once, in the service's order. Memory: all sources. Source: GET /sources */
export const readSources: Effect.Effect<ReadonlyArray<Name.Source>, SegmentError, SegmentClient> = Effect.gen(
  function* () {
    const client = yield* SegmentClient;
    const seen = new Set<string>();
    const advances = makeAdvance();
    const pages = Stream.paginate<string | undefined, Page<Name.Source>, SegmentError, never>(
      undefined,
      Effect.fnUntraced(function* (cursor: string | undefined) {
        const page = yield* client.sourcesPage(cursor);
        if (page.next === undefined) return [[page], Option.none()] as const;
        const isRepeated = seen.has(page.next);
        if (isRepeated || !advances(page.rows)) {
          return yield* new SegmentError({
            operation: "GET /sources",
            reason: new UnexpectedBody(),
            detail: isRepeated
              ? "The service gave the same cursor twice."
              : "The service gives the same sources again and again.",
            hint: "Run the command again.",
          });
        }
        seen.add(page.next);
        return [[page], Option.some<string | undefined>(page.next)] as const;
      }),
    );
    const sources = (yield* Stream.runCollect(pages)).flatMap(({ rows }) => rows);
    return [...new Map(sources.map((source) => [source.id, source])).values()];
  },
);
