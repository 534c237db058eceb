/**
 * Bodies as text: whole answers of the service, near misses of them, and any bytes.
 */
import type { DatasetName } from "@segmeter/domain";
import * as FastCheck from "fast-check";

const { constant, constantFrom, oneof, tuple } = FastCheck;

/** JSON text of one value. */
type Text = FastCheck.Arbitrary<string>;

const quoted = (text: string): string => JSON.stringify(text);

/** What stands in no place of its own: any JSON, deep JSON, numbers and texts at the edges. */
const oddValue: Text = oneof(
  FastCheck.json({ maxDepth: 3 }),
  constantFrom("null", "true", "0", "-0", "-1", "1.0", "1e3", "1E400", "0.1", "1e-7", "12.5", '""', '" 1"', '"+1"'),
  constantFrom(
    '"1e3"',
    '"０１"',
    '"0x10"',
    '"1_000"',
    '"1\\u0000"',
    '"\\ud800"',
    '"\\udc00x"',
    '"\\uFEFF1"',
    "[]",
    "{}",
  ),
  FastCheck.integer({ min: 1, max: 60 }).map((levels) => "[".repeat(levels) + "]".repeat(levels)),
  FastCheck.integer({ min: 1, max: 60 }).map((levels) => '{"a":'.repeat(levels) + "1" + "}".repeat(levels)),
);

const edges = [
  0n,
  1n,
  2n ** 31n,
  2n ** 53n - 1n,
  2n ** 53n,
  2n ** 53n + 1n,
  2n ** 63n - 1n,
  2n ** 63n,
  2n ** 64n,
  10n ** 39n,
];

const digits: FastCheck.Arbitrary<string> = oneof(
  FastCheck.bigInt({ min: 0n, max: 2n ** 63n - 1n }).map(String),
  constantFrom(...edges.map(String)),
  FastCheck.nat({ max: 50 }).map(String),
);

const count: Text = oneof(
  { weight: 8, arbitrary: digits.map(quoted) },
  { weight: 4, arbitrary: digits },
  { weight: 1, arbitrary: digits.map((text) => quoted(`00${text}`)) },
  { weight: 1, arbitrary: digits.map((text) => `"\\u003${text[0]}${text.slice(1)}"`) },
  { weight: 1, arbitrary: digits.map((text) => `${text}.0`) },
  { weight: 1, arbitrary: oddValue },
);

const two = (max: number): FastCheck.Arbitrary<string> =>
  FastCheck.nat(max).map((value) => String(value).padStart(2, "0"));

/** ISO-8601 of all kinds, and what only looks like it. */
export const isoText: FastCheck.Arbitrary<string> = oneof(
  {
    weight: 6,
    arbitrary: FastCheck.integer({ min: 1, max: 31 }).map((day) => `2024-01-${String(day).padStart(2, "0")}T00:00:00Z`),
  },
  {
    weight: 6,
    arbitrary: tuple(
      constantFrom("2024", "1970", "1969", "2255", "2256", "0000", "9999", "2023", "02024"),
      constantFrom("-01-", "-02-", "-12-", "-00-", "-13-", "-06-"),
      two(32),
      constantFrom("T", "t", " ", "", "_"),
      constantFrom("00:00", "23:59", "24:00", "25:00", "12:60", "1:00", ""),
      constantFrom("", ":00", ":59", ":60", ":7"),
      constantFrom("", ".5", ",5", ".000001", ".1234567", ".123456000", ".", ".1234567890"),
      constantFrom(
        "",
        "Z",
        "z",
        "+00:00",
        "-00:00",
        "+05:30",
        "-11",
        "+1400",
        "+24:00",
        "+23:59",
        "+99:99",
        " Z",
        "UTC",
      ),
    ).map((parts) => parts.join("")),
  },
  {
    weight: 1,
    arbitrary: constantFrom(
      "1704067200",
      "Mon, 01 Jan 2024 00:00:00 GMT",
      "2024-W01-1",
      "2024001",
      "now",
      "+002024-01-01",
    ),
  },
  { weight: 1, arbitrary: FastCheck.string({ unit: "binary", maxLength: 30 }) },
);

const timestamp: Text = oneof({ weight: 12, arbitrary: isoText.map(quoted) }, { weight: 1, arbitrary: oddValue });

const seconds: Text = oneof(
  { weight: 10, arbitrary: constantFrom("1704067200", "1706745600", "1.7040672e9") },
  { weight: 1, arbitrary: constantFrom("-1", "9000000000", "9000000001", "1704067200.5", '"1704067200"', "1e400") },
  { weight: 1, arbitrary: oddValue },
);

const sourceId: Text = oneof(
  { weight: 8, arbitrary: constantFrom('"a"', '"b"', '"a/b"', '"1/a"', '"é"', '"e\\u0301"', '"A"') },
  { weight: 2, arbitrary: FastCheck.string({ unit: "binary", minLength: 1, maxLength: 8 }).map(quoted) },
  {
    weight: 1,
    arbitrary: constantFrom('"\\ud800"', '"\\udfff"', '"\\u0000"', quoted("x".repeat(200)), quoted("x".repeat(201))),
  },
  { weight: 1, arbitrary: oddValue },
);

const fieldsOf = (dataset: DatasetName): Readonly<Record<string, Text>> => ({
  ...(dataset.startsWith("source") ? { sourceId } : {}),
  ...(dataset.endsWith("mtu")
    ? {
        periodStart: seconds,
        periodEnd: seconds,
        anonymous: count,
        anonymousIdentified: count,
        identified: count,
        neverIdentified: count,
      }
    : { apiCalls: count }),
  timestamp,
});

/** A row, most often with nothing missing or added; a key may come twice. */
const row = (dataset: DatasetName): Text => {
  const fields = Object.entries(fieldsOf(dataset));
  const pairs = tuple(...fields.map(([name, value]) => value.map((text) => `${quoted(name)}:${text}`)));
  const extra = oneof(
    tuple(constantFrom(...fields), FastCheck.nat()).chain(([[name, value]]) =>
      value.map((text) => `${quoted(name)}:${text}`),
    ),
    tuple(
      oneof(FastCheck.string(), constantFrom("__proto__", "constructor", "toString", "new\\u001bfield")),
      oddValue,
    ).map(([name, value]) => `${quoted(name)}:${value}`),
  );
  return oneof(
    { weight: 10, arbitrary: pairs.map((all) => `{${all.join(",")}}`) },
    { weight: 3, arbitrary: tuple(pairs, extra).map(([all, more]) => `{${[...all, more].join(",")}}`) },
    { weight: 2, arbitrary: tuple(extra, pairs).map(([more, all]) => `{${[more, ...all].join(",")}}`) },
    {
      weight: 2,
      arbitrary: tuple(pairs, FastCheck.nat(8)).map(
        ([all, lost]) => `{${all.filter((_, at) => at !== lost).join(",")}}`,
      ),
    },
    { weight: 1, arbitrary: oddValue },
  );
};

const listKeys: Readonly<Record<DatasetName, string>> = {
  "workspace-mtu": "dailyWorkspaceMTUUsage",
  "source-mtu": "dailyPerSourceMTUUsage",
  "workspace-api-calls": "dailyWorkspaceAPICallsUsage",
  "source-api-calls": "dailyPerSourceAPICallsUsage",
};

const paginationOf = (rows: number): Text =>
  oneof(
    { weight: 10, arbitrary: constant(`{"current":"MA==","totalEntries":${rows}}`) },
    {
      weight: 3,
      arbitrary: constantFrom(
        "{}",
        '{"next":null}',
        '{"next":""}',
        '{"next":"b"}',
        '{"next":"b","totalEntries":9}',
        "null",
        "[]",
      ),
    },
    { weight: 2, arbitrary: oddValue.map((total) => `{"totalEntries":${total}}`) },
    { weight: 1, arbitrary: oddValue.map((next) => `{"next":${next}}`) },
  );

/** Of usage, whole or nearly. */
export const usageBody = (dataset: DatasetName): Text =>
  FastCheck.array(row(dataset), { maxLength: 6 }).chain((rows) => {
    const list = `${quoted(listKeys[dataset])}:[${rows.join(",")}]`;
    return oneof(
      { weight: 12, arbitrary: paginationOf(rows.length).map((pages) => `{"data":{${list},"pagination":${pages}}}`) },
      { weight: 1, arbitrary: oddValue.map((value) => `{"data":{${list},"pagination":{}},"data":${value}}`) },
      {
        weight: 1,
        arbitrary: oddValue.map((value) => `{"data":{${list},${quoted(listKeys[dataset])}:${value},"pagination":{}}}`),
      },
      { weight: 1, arbitrary: oddValue },
    );
  });

/** The same text in bytes; most often as UTF-8, whole. */
export const inBytes = (body: Text): FastCheck.Arbitrary<Uint8Array> =>
  oneof(
    { weight: 16, arbitrary: body.map((text) => Buffer.from(text)) },
    { weight: 1, arbitrary: body.map((text) => Buffer.from(`\uFEFF${text}`)) },
    { weight: 1, arbitrary: body.map((text) => Buffer.from(text, "utf16le")) },
    { weight: 1, arbitrary: body.map((text) => Buffer.from(text, "latin1")) },
    { weight: 1, arbitrary: body.map((text) => Buffer.from(` \n${text}\r\n\t`)) },
    { weight: 1, arbitrary: tuple(body, FastCheck.string()).map(([text, more]) => Buffer.from(text + more)) },
    {
      weight: 2,
      arbitrary: tuple(body, FastCheck.nat(10_000), FastCheck.nat(255)).map(([text, at, byte]) => {
        const bytes = Buffer.from(text);
        bytes[at % Math.max(1, bytes.length)] = byte;
        return bytes;
      }),
    },
    {
      weight: 1,
      arbitrary: tuple(body, FastCheck.nat(10_000)).map(([text, at]) =>
        Buffer.from(text).subarray(0, at % (text.length + 1)),
      ),
    },
    { weight: 1, arbitrary: FastCheck.uint8Array({ maxLength: 200 }) },
  );

const sourceField: Readonly<Record<string, Text>> = {
  id: sourceId,
  slug: oneof(sourceId, oddValue),
  name: oneof(sourceId, oddValue),
  enabled: oneof({ weight: 6, arbitrary: constantFrom("true", "false") }, { weight: 1, arbitrary: oddValue }),
  metadata: oneof(constantFrom('{"slug":"javascript"}', "{}", "null"), oddValue),
  labels: oneof(constantFrom("[]", '[{"key":"env","value":"\\ud800"}]', "null"), oddValue),
};

const object = (fields: Readonly<Record<string, Text>>): Text =>
  FastCheck.record(fields, { requiredKeys: Object.keys(fields).slice(0, 2) }).map(
    (found) =>
      `{${Object.entries(found)
        .map(([name, text]) => `${quoted(name)}:${text}`)
        .join(",")}}`,
  );

/** Of `/sources`. */
export const sourcesBody: Text = oneof(
  {
    weight: 8,
    arbitrary: FastCheck.array(object(sourceField), { maxLength: 4 }).map(
      (rows) => `{"data":{"sources":[${rows.join(",")}],"pagination":{"current":"a"}}}`,
    ),
  },
  { weight: 1, arbitrary: oddValue },
);

/** Of `/`. */
export const workspaceBody: Text = oneof(
  {
    weight: 8,
    arbitrary: object({ id: sourceId, slug: sourceId, name: oneof(sourceId, oddValue) }).map(
      (workspace) => `{"data":{"workspace":${workspace}}}`,
    ),
  },
  { weight: 1, arbitrary: oddValue },
);
