/**
 * Secrets that can be looked for: a token, and the simulator's write keys and settings, which all hold one word.
 *
 * The word is found in the ways in which programs write a text down: as it is, in another case, escaped for JSON and URLs, each
 * character by its number, and in base64 wherever in the encoded bytes it begins.
 */
import { canary, type Simulator } from "@segmeter/simulator";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { existsSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { inspect } from "node:util";
import { ask, askAll, databaseOf, filesBelow, readers } from "../../pipelines/test/Held.ts";

const tail = "LmWc4RkYend";

/** Has all that a token may have and JSON, URLs or HTML escape; its two ends are looked for, lest one half of it be struck out. */
export const token = `sgp_${canary}-token"'\\/+%25&=#<>?${tail}`;

/** Base64 of a word as it stands within other bytes, without the characters that these have a share in. */
const base64 = (word: string): ReadonlyArray<string> =>
  [0, 1, 2].map((before) =>
    Buffer.from("\0".repeat(before) + word)
      .toString("base64")
      .slice(Math.ceil((before * 8) / 6), Math.floor(((before + word.length) * 8) / 6)),
  );

const numbered = (word: string, ...[before, after]: readonly [string, string]): string =>
  [...word].map((character) => `${before}${character.charCodeAt(0).toString(16)}${after}`).join("");

const forms: ReadonlyArray<string> = [canary, tail].flatMap((word) => [
  word,
  word.toLowerCase(),
  ...base64(word),
  ...["", "%", "\\x", "\\u00"].map((before) => numbered(word, before, "")),
  numbered(word, "&#x", ";"),
]);

/** The form in which a text or some bytes hold a secret, undefined when they hold none. */
export const secretIn = (content: string | Buffer): string | undefined => forms.find((form) => content.includes(form));

/** Something in all its depth, as a log or a crash report might have it. */
export const laidOpen = (value: unknown): string =>
  inspect(value, { depth: 50, showHidden: true, maxArrayLength: null, maxStringLength: null });

const text = (rows: unknown): string =>
  JSON.stringify(rows, (_, value: unknown) => (typeof value === "bigint" ? String(value) : value));

/** Everything in a data directory as text, decompressed: the rows of every table, and every Parquet footer. */
export const decompressed = async (dataDir: string): Promise<string> => {
  const found: Array<string> = [];
  if (existsSync(databaseOf(dataDir))) {
    const tables = await ask(
      `SELECT format('FROM "{}"."{}"', schema_name, table_name) AS sql FROM duckdb_tables()`,
      databaseOf(dataDir),
    );
    const views = "SELECT sql FROM duckdb_views() WHERE NOT internal";
    found.push(text(await askAll([...tables.map(({ sql }) => String(sql)), views], databaseOf(dataDir))));
  }
  const files = (await filesBelow(dataDir)).filter((name) => name.endsWith(".parquet"));
  for (const table of new Set(files.map((name) => name.split("/")[1]!))) {
    found.push(text(await readers["Parquet through hyparquet"](dataDir, table)));
    const glob = `'${dataDir}/parquet/${table}/**/*.parquet'`;
    found.push(text(await ask(`SELECT decode(key) AS key, decode(value) AS value FROM parquet_kv_metadata(${glob})`)));
  }
  return found.join("\n");
};

/** Where a data directory holds a secret: in names, in the bytes of a file, or in what they are once decompressed. */
export const secretsBelow = async (dataDir: string): Promise<ReadonlyArray<string>> => {
  const found: Array<string> = [];
  for (const name of await filesBelow(dataDir)) {
    const form = secretIn(name) ?? secretIn(await readFile(join(dataDir, name)));
    if (form !== undefined) found.push(`${name} holds ${form}`);
  }
  const content = await decompressed(dataDir);
  const form = secretIn(content);
  if (form === undefined) return found;
  const at = content.indexOf(form);
  return [...found, `a table or a footer holds ${form}: ${content.slice(Math.max(0, at - 80), at + 80)}`];
};

/** What a server of this process was sent, as it came. */
export interface Received {
  readonly port: number | undefined;
  readonly url: string;
  readonly headers: ReadonlyArray<readonly [string, string]>;
}

/** Every request to any server of this process, from now on until the scope closes. */
export const received: Effect.Effect<ReadonlyArray<Received>, never, Scope.Scope> = Effect.suspend(() => {
  const requests: Array<Received> = [];
  const listen = (message: unknown) => {
    const { request } = message as { readonly request: IncomingMessage };
    const { rawHeaders, socket, url = "" } = request;
    const headers = rawHeaders.flatMap((name, index) =>
      index % 2 === 0 ? [[name, rawHeaders[index + 1]!] as const] : [],
    );
    requests.push({ port: socket.localPort, url, headers });
  };
  const channel = "http.server.request.start";
  return Effect.as(
    Effect.acquireRelease(
      Effect.sync(() => subscribe(channel, listen)),
      () => Effect.sync(() => void unsubscribe(channel, listen)),
    ),
    requests,
  );
});

/** Requests that have the token elsewhere than in the one header, of the services, that it is meant for. */
export const strayed = (
  requests: ReadonlyArray<Received>,
  services: ReadonlyArray<Pick<Simulator, "port">>,
): ReadonlyArray<string> =>
  requests.flatMap(({ headers, port: to, url }) => {
    const isMeant = services.some(({ port }) => port === to);
    const open = headers.filter(
      ([name, value]) => !(isMeant && name.toLowerCase() === "authorization" && value === `Bearer ${token}`),
    );
    const form = secretIn(`${url}\n${open.map((header) => header.join(": ")).join("\n")}`);
    return form === undefined ? [] : [`a request to port ${to} for ${url} holds ${form}`];
  });
