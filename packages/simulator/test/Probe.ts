/**
 * A client that knows nothing but HTTP and JSON, for looking at the simulator from outside.
 * It asserts nothing: each test says what it expects of the bytes.
 */
import { request } from "node:http";
import * as Effect from "effect/Effect";
import { type Simulator, type SimulatorOptions, startSimulator } from "../src/index.ts";

/** The present in most tests: early on a Monday, ten days into a month. */
export const now = "2025-03-10T02:00:00Z";

/** What came back. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

/** The body of a page, as far as it is documented. */
export interface PageBody {
  readonly data: {
    readonly pagination: {
      current: string;
      next?: string | null;
      previous?: string | null;
      totalEntries?: number;
    };
  } & Readonly<Record<string, unknown>>;
}

/** Runs a test against a service of its own; the service is gone afterwards. */
export function withSimulator(options: SimulatorOptions, test: (simulator: Simulator) => Promise<void>): Promise<void> {
  return Effect.runPromise(
    Effect.scoped(
      Effect.flatMap(startSimulator({ now, ...options }), (simulator) => Effect.promise(() => test(simulator))),
    ),
  );
}

/** Asks for a path, with the token of the first workspace unless `headers` says otherwise. */
export async function get(simulator: Simulator, path: string, headers: Record<string, string> = {}): Promise<Answer> {
  const authorization = `Bearer ${simulator.workspaces[0]?.token}`;
  const response = await fetch(simulator.url + path, {
    headers: { authorization, ...headers },
    redirect: "manual",
  });
  return {
    status: response.status,
    headers: Object.fromEntries(response.headers),
    text: await response.text(),
  };
}

/** Asks for a path over node:http: how it went, and the bytes that came before it ended. */
export function getRaw(
  simulator: Simulator,
  path: string,
): Promise<{
  readonly status?: number;
  readonly code?: string;
  readonly bytes: Buffer;
  readonly chunks: number;
}> {
  return new Promise((resolve) => {
    const chunks: Array<Buffer> = [];
    const authorization = `Bearer ${simulator.workspaces[0]?.token}`;
    const sent = request(simulator.url + path, { headers: { authorization }, agent: false }, (response) => {
      const end = (code?: string) =>
        resolve({
          ...(response.statusCode === undefined ? {} : { status: response.statusCode }),
          ...(code === undefined ? {} : { code }),
          bytes: Buffer.concat(chunks),
          chunks: chunks.length,
        });
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => end());
      response.on("error", (error: NodeJS.ErrnoException) => end(error.code ?? "unknown"));
    });
    sent.on("error", (error: NodeJS.ErrnoException) =>
      resolve({ code: error.code ?? "unknown", bytes: Buffer.alloc(0), chunks: 0 }),
    );
    sent.end();
  });
}

/** The query of a usage page. */
export function usageQuery(month: string, count: number, cursor?: string | null): string {
  const from = cursor == null ? "" : `&pagination.cursor=${encodeURIComponent(cursor)}`;
  return `?period=${month}-01&pagination.count=${count}${from}`;
}

/** Walks all pages of a usage path. */
export async function walk(
  simulator: Simulator,
  path: string,
  listKey: string,
  month: string,
  count: number,
): Promise<{
  readonly rows: ReadonlyArray<Record<string, string>>;
  readonly pages: ReadonlyArray<PageBody>;
}> {
  const pages: Array<PageBody> = [];
  let cursor: string | null | undefined;
  do {
    const { text } = await get(simulator, path + usageQuery(month, count, cursor));
    const page = JSON.parse(text) as PageBody;
    pages.push(page);
    cursor = page.data.pagination.next;
  } while (cursor != null && pages.length < 1000);
  return {
    rows: pages.flatMap((page) => page.data[listKey] as ReadonlyArray<Record<string, string>>),
    pages,
  };
}
