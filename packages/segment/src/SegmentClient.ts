/**
 * The client of the Segment Public API: the workspace of the token, its sources, and pages of usage.
 */
import { type Columns, type DatasetName, datasetNames, type Name, UsageMonth } from "@segmeter/domain";
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import * as Option from "effect/Option";
import * as Redacted from "effect/Redacted";
import * as Schema from "effect/Schema";
import * as HttpClient from "effect/http/HttpClient";
import { parseExactly } from "./ExactJson.ts";
import { plainPages } from "./PlainPage.ts";
import { makeRateBudget } from "./RateBudget.ts";
import type { SegmentConfig } from "./SegmentConfig.ts";
import type { SegmentError } from "./SegmentError.ts";
import { type Body, makeSegmentHttp } from "./SegmentHttp.ts";
import type { ServiceClock } from "./ServiceClock.ts";
import { pageOf, pickPage, usageOperations, WireSource, WorkspaceBody } from "./Wire.ts";

export interface Page<Row> {
  readonly rows: ReadonlyArray<Row>;
  /** Opaque; undefined on the last page. */
  readonly next: string | undefined;
  /** Rows of all pages together, if the service says so. */
  readonly totalEntries: number | undefined;
  /** Rows that were asked for. */
  readonly pageSize: number;
}

/**
 * Rows of the dataset's table by column, where all are plain. Otherwise as sent, not decoded yet, but for counts sent as JSON
 * numbers: they are decimal strings here, with every digit.
 */
export type UsagePage = Omit<Page<unknown>, "rows"> & { readonly rows: ReadonlyArray<unknown> | Columns };

export interface UsagePageRequest {
  readonly dataset: DatasetName;
  readonly month: UsageMonth.UsageMonth;
  readonly cursor: string | undefined;
}

export interface SegmentClientShape {
  /** Source: GET / */
  readonly workspace: Effect.Effect<Name.Workspace, SegmentError>;
  /** Memory: a page. Source: GET /sources */
  readonly sourcesPage: (cursor: string | undefined) => Effect.Effect<Page<Name.Source>, SegmentError>;
  /** Memory: a page. Source: the usage operation of the dataset, see `Wire.ts` */
  readonly usagePage: (request: UsagePageRequest) => Effect.Effect<UsagePage, SegmentError>;
  /** Milliseconds so far in which requests waited for the rate limit. */
  readonly throttledMs: Effect.Effect<number>;
  /** The service's clock as of its last answer, if it told the time. */
  readonly serviceClock: Effect.Effect<ServiceClock | undefined>;
}

/** The size that older versions of the API allow at most. */
const fallbackPageSize = 200;

export class SegmentClient extends Context.Service<SegmentClient, SegmentClientShape>()(
  "@segmeter/segment/SegmentClient",
) {
  static readonly layer = (config: SegmentConfig): Layer.Layer<SegmentClient, never, HttpClient.HttpClient> =>
    Layer.effect(SegmentClient, makeSegmentClient(config));
}

const makeSegmentClient = (config: SegmentConfig) =>
  Effect.gen(function* () {
    const budget = yield* makeRateBudget(config.requestsPerMinute);
    const http = makeSegmentHttp(config, yield* HttpClient.HttpClient, budget);
    let pageSize = config.pageSize;

    /** Falls back to the smaller page, from then on, when the service refuses the larger one by name. */
    const paged = <A>(fetch: (pageSize: number) => Effect.Effect<A, SegmentError>): Effect.Effect<A, SegmentError> =>
      Effect.suspend(() => {
        const asked = pageSize;
        return fetch(asked).pipe(
          Effect.catchIf(
            ({ reason }) =>
              reason._tag === "InvalidRequest" && reason.field === "pagination.count" && asked > fallbackPageSize,
            () => {
              pageSize = fallbackPageSize;
              return fetch(fallbackPageSize);
            },
          ),
        );
      });

    const query = (size: number, cursor: string | undefined): Record<string, string> => ({
      "pagination.count": String(size),
      ...(cursor === undefined ? {} : { "pagination.cursor": cursor }),
    });

    const readers = new Map(datasetNames.map((dataset) => [dataset, readUsagePage(dataset)]));
    const usagePage = ({ cursor, dataset, month }: UsagePageRequest) => {
      const { path } = usageOperations[dataset];
      const read = readers.get(dataset)!;
      return paged((size) =>
        http.get({
          operation: `GET ${path} ${month}`,
          path,
          query: { period: UsageMonth.toPeriod(month), ...query(size, cursor) },
          read: (body) => read(body, size),
        }),
      );
    };

    const decodeSources = decodePage("sources", WireSource);
    const sourcesPage = (cursor: string | undefined) =>
      paged((size) =>
        http.get({
          operation: "GET /sources",
          path: "/sources",
          query: query(size, cursor),
          read: ({ text }) =>
            Option.map(decodeSources(JSON.parse(text()), size), (page) => ({ ...page, rows: page.rows.map(toSource) })),
        }),
      );

    const decodeWorkspace = Schema.decodeUnknownOption(WorkspaceBody);
    const workspace = http.get({
      operation: "GET /",
      path: "/",
      query: {},
      read: ({ text }) => Option.map(decodeWorkspace(JSON.parse(text())), ({ data }) => toWorkspace(data.workspace)),
    });

    return SegmentClient.of({
      workspace,
      sourcesPage,
      usagePage,
      throttledMs: budget.throttledMs,
      serviceClock: http.serviceClock,
    });
  });

const decodePage = <Row extends Schema.Codec<unknown, unknown>>(listKey: string, row: Row) => {
  const decode = Schema.decodeUnknownOption(pageOf(row));
  return (body: unknown, pageSize: number): Option.Option<Page<Row["Type"]>> =>
    Option.map(decode(pickPage(body, listKey)), ({ pagination, rows }) => ({
      rows,
      next: pagination.next === null || pagination.next === "" ? undefined : pagination.next,
      totalEntries: pagination.totalEntries ?? undefined,
      pageSize,
    }));
};

/** `pageSize`: rows that were asked for. */
const readUsagePage = (dataset: DatasetName): ((body: Body, pageSize: number) => Option.Option<UsagePage>) => {
  const { counts, listKey } = usageOperations[dataset];
  const countFields = new Set(counts);
  const decode = decodePage(listKey, Schema.Unknown);
  const readPlain = plainPages(dataset);
  return ({ bytes, text }, pageSize) => {
    const plain = readPlain(bytes, pageSize);
    const page = plain === undefined ? Option.none() : decode(plain.envelope, pageSize);
    if (plain !== undefined && Option.isSome(page)) return Option.some({ ...page.value, rows: plain.rows });
    const body = parseExactly(text(), countFields, (whole) => pickPage(whole, listKey).rows);
    return Option.filter(decode(body, pageSize), ({ rows }) => !rows.some((row) => isDeeper(row, maxDepth)));
  };
};

/** Levels of objects and lists in a row as sent; documented ones have one, and what has many overflows who walks through it. */
const maxDepth = 32;

const isDeeper = (value: unknown, levels: number): boolean => {
  if (typeof value !== "object" || value === null) return false;
  if (levels === 0) return true;
  for (const name in value) if (isDeeper((value as Record<string, unknown>)[name], levels - 1)) return true;
  return false;
};

/** Names are for people: half a character in one is no reason to fail, and can't be kept. */
const toWorkspace = ({ id, name, slug }: Name.Workspace): Name.Workspace => ({
  id,
  slug: slug.toWellFormed(),
  name: name.toWellFormed(),
});

const toSource = ({ enabled, id, labels, metadata, name, slug }: typeof WireSource.Type): Name.Source => ({
  id,
  slug: slug.toWellFormed(),
  name: (name === undefined || name === null || name === "" ? slug : name).toWellFormed(),
  type: (metadata?.slug ?? "").toWellFormed(),
  enabled,
  labels: labels ?? [],
});

/** Characters. The service's have about a hundred; of more than two thousand, no pattern could be made to find them by. */
export const mostTokenLength = 1_024;

/** A header value may hold printable ASCII only, and not without end; anything else is no token. */
export const isToken = (token: Redacted.Redacted): boolean =>
  /^[\x21-\x7e]+$/.test(Redacted.value(token)) && Redacted.value(token).length <= mostTokenLength;
