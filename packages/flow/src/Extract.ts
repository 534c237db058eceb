/**
 * Extract: the pages of one partition, in order, as a stream.
 */
import type { Partition } from "@segmeter/domain";
import { SegmentClient, type SegmentError, type UsagePage } from "@segmeter/segment";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import * as Stream from "effect/Stream";
import { makeAdvance } from "./Advance.ts";
import { tell } from "./Event.ts";
import { type FlowError, flowError } from "./FlowError.ts";

/**
 * Shape: every page from the first to the one without `next`, each once. Lazy: the next page is asked for when the one before is
 * consumed. Memory: a page. Errors: the client's; `RepeatedCursor` for a cursor seen before in this walk; `EndlessWalk` for pages
 * that come back to the same row; `Vanished` for a 404 after the first page. A 404 on the first page stays the client's, for it
 * means that there is no such month.
 */
export const extract = (
  partition: Partition.Partition,
): Stream.Stream<UsagePage, SegmentError | FlowError, SegmentClient> =>
  Stream.unwrap(
    Effect.map(SegmentClient, (client) => {
      const operation = `capture ${partition.dataset} ${partition.month}`;
      const seen = new Set<string>();
      const advances = makeAdvance();
      return Stream.paginate<string | undefined, UsagePage, SegmentError | FlowError, never>(
        undefined,
        Effect.fnUntraced(function* (cursor: string | undefined) {
          const page = yield* client.usagePage({ dataset: partition.dataset, month: partition.month, cursor }).pipe(
            Effect.catchIf(
              (error) => error.reason._tag === "NotFound" && cursor !== undefined,
              (error) => Effect.fail(flowError(operation, "Vanished", `A later page was not found. ${error.detail}`)),
            ),
          );
          yield* tell({ _tag: "PageRead", partition, rows: page.rows.length });
          if (page.next === undefined) return [[page], Option.none()] as const;
          if (seen.has(page.next) || page.next === cursor) {
            return yield* flowError(
              operation,
              "RepeatedCursor",
              "The service gave the same cursor twice, so its pages have no end.",
            );
          }
          if (!advances(page.rows)) {
            return yield* flowError(
              operation,
              "EndlessWalk",
              "The service gives the same rows again and again, so its pages have no end.",
            );
          }
          seen.add(page.next);
          return [[page], Option.some<string | undefined>(page.next)] as const;
        }),
      );
    }),
  );
