/**
 * A page of usage as nearly all are, read straight from its bytes into columns: no object and no text is made for a row, which is
 * what reading a month would otherwise cost.
 *
 * Only what can have one meaning is read so: rows of the documented fields in one order, without white space, counts of at most
 * 15 digits, ASCII without escapes. For everything else the reader has no answer, and the whole page goes the other way, which
 * says what is wrong with it. What this way takes the other takes too, to the same figures.
 */
import { isAscii } from "node:buffer";
import { type Column, type Columns, type DatasetName, datasetOf, Instant, usageTables } from "@segmeter/domain";
import * as Option from "effect/Option";
import { type UsageOperation, usageOperations } from "./Wire.ts";
import { isSourceId, lastSecond, mostPlainDigits } from "./WireRow.ts";

export interface PlainPage {
  /** Of the dataset's table; `observed_at` is zero. */
  readonly rows: Columns;
  /** The body around the rows, with an empty list in their place. */
  readonly envelope: unknown;
}

/**
 * Reads pages of one dataset, one after the other. `mostRows`: what was asked for. Undefined: not plain. Throws as `JSON.parse`
 * does for what is broken around the rows. Memory: 90 bytes a row.
 */
export const plainPages = (dataset: DatasetName): ((body: Buffer, mostRows: number) => PlainPage | undefined) => {
  const operation = usageOperations[dataset];
  const key = Buffer.from(`"${operation.listKey}"`);
  const opening = Buffer.from(":[");
  const columns = usageTables[datasetOf(dataset).table].columns;
  const known: Known = { sources: new Map(), instants: new Map() };
  let form: Form | undefined;
  return (body, mostRows) => {
    const named = body.indexOf(key);
    const start = named + key.length + opening.length;
    if (named < 0 || !standsAt(body, named + key.length, opening) || !isAscii(body)) return undefined;
    form ??= formOf(operation, body, start);
    if (form === undefined) return undefined;
    // Not while a page is read: its places are kept there.
    if (known.sources.size > mostKnown) known.sources.clear();
    const sheet = makeSheet(columns, mostRows);
    const end = readRows(body, start, form, sheet, known);
    if (end < 0) form = undefined;
    if (end < 0 || body.includes(key, end)) return undefined;
    const around = body.toString("latin1", 0, start) + body.toString("latin1", end);
    // An escape could hide the list's name, given once more.
    if (around.includes("\\")) return undefined;
    return { rows: finished(columns, sheet), envelope: JSON.parse(around) };
  };
};

type Kind = "source" | "timestamp" | "seconds" | "count";

interface Field {
  /** What stands between the value before and this one. */
  readonly lead: Buffer;
  readonly kind: Kind;
  /** Name of its column. */
  readonly column: string;
}

/** The fields of a row in the order in which they are sent, and what closes it. */
interface Form {
  readonly fields: ReadonlyArray<Field>;
  readonly tail: Buffer;
}

const columnOf: Readonly<Record<string, readonly [column: string, kind: Kind]>> = {
  sourceId: ["source_id", "source"],
  periodStart: ["period_start", "seconds"],
  periodEnd: ["period_end", "seconds"],
  anonymous: ["anonymous", "count"],
  anonymousIdentified: ["anonymous_identified", "count"],
  identified: ["identified", "count"],
  neverIdentified: ["never_identified", "count"],
  apiCalls: ["api_calls", "count"],
  timestamp: ["snapshot_at", "timestamp"],
};

/** As the first row has it. Undefined: it has other fields than the documented ones. */
const formOf = ({ fields }: UsageOperation, body: Buffer, start: number): Form | undefined => {
  const names = namesOf(body.toString("latin1", start, body.indexOf("}", start) + 1));
  if (names.length !== fields.length || !fields.every((name) => names.includes(name))) return undefined;
  let before = "{";
  const ordered = names.map((name): Field => {
    const [column, kind] = columnOf[name]!;
    const quote = kind === "seconds" ? "" : '"';
    const lead = Buffer.from(`${before}"${name}":${quote}`);
    before = `${quote},`;
    return { lead, kind, column };
  });
  return { fields: ordered, tail: Buffer.from(`${before.slice(0, -1)}}`) };
};

const namesOf = (row: string): ReadonlyArray<string> => {
  try {
    return Object.keys(JSON.parse(row) as object);
  } catch {
    return [];
  }
};

/** Columns of a page while it is read. */
interface Sheet {
  readonly capacity: number;
  length: number;
  readonly numbers: Readonly<Record<string, Float64Array>>;
  readonly counts: Readonly<Record<string, Uint32Array>>;
  readonly places: Uint32Array;
  readonly texts: Array<string>;
}

const makeSheet = (columns: ReadonlyArray<Column>, capacity: number): Sheet => {
  const each = <Values>(of: (column: Column) => boolean, make: () => Values) =>
    Object.fromEntries(columns.filter(of).map(({ name }) => [name, make()]));
  return {
    capacity,
    length: 0,
    numbers: each(
      ({ type }) => type === "DATE" || type === "TIMESTAMP",
      () => new Float64Array(capacity),
    ),
    // Each count as two halves of 64 bits, the low one first, as the machines have it that the stores run on.
    counts: each(
      ({ type }) => type === "BIGINT",
      () => new Uint32Array(capacity * 2),
    ),
    places: new Uint32Array(capacity),
    texts: [],
  };
};

const finished = (columns: ReadonlyArray<Column>, { counts, length, numbers, places, texts }: Sheet): Columns => ({
  length,
  data: columns.map(({ name, type }) =>
    type === "VARCHAR"
      ? { values: places.subarray(0, length), texts, nulls: undefined }
      : {
          values:
            type === "BIGINT" ? new BigInt64Array(counts[name]!.buffer, 0, length) : numbers[name]!.subarray(0, length),
          texts: [],
          nulls: undefined,
        },
  ),
});

/** What was met on earlier pages: a month has some thirty timestamps, and the same sources each day, mostly in one order. */
interface Known {
  readonly sources: Map<string, KnownSource>;
  readonly instants: Map<string, Instant.EpochMicros>;
}

interface KnownSource {
  readonly text: string;
  readonly bytes: Buffer;
  /** The sheet that it has a place in, and which. */
  sheet: Sheet | undefined;
  place: number;
  /** The one that came after it. */
  next: KnownSource | undefined;
}

const mostKnown = 20_000;

const [quote, comma, closing] = [0x22, 0x2c, 0x5d];

/** Returns where the list ends, or −1 for anything that is not plain. */
const readRows = (body: Buffer, start: number, { fields, tail }: Form, sheet: Sheet, known: Known): number => {
  const targets = fields.map(({ column, kind, lead }) => ({
    lead,
    kind,
    numbers: sheet.numbers[column],
    counts: sheet.counts[column],
  }));
  const days = sheet.numbers["day"]!;
  let source: KnownSource | undefined;
  let stamp: Buffer = Buffer.alloc(0);
  let instant = 0;
  let day = 0;
  let at = start;
  for (let row = 0; ; row++) {
    if (row === sheet.capacity) return -1;
    for (const { counts, kind, lead, numbers } of targets) {
      if (!standsAt(body, at, lead)) return -1;
      at += lead.length;
      let end: number;
      if (kind === "count") {
        end = endOfDigits(body, at);
        const count = plainDigits(body, at, end);
        if (count < 0) return -1;
        counts![row * 2] = count;
        counts![row * 2 + 1] = count / 2 ** 32;
      } else if (kind === "seconds") {
        end = endOfDigits(body, at);
        const seconds = plainDigits(body, at, end);
        // A number has no zeros in front.
        if (seconds < 0 || seconds > lastSecond || (body[at] === 0x30 && end > at + 1)) return -1;
        numbers![row] = seconds * Instant.microsPerSecond;
      } else if (kind === "source") {
        source = sourceAt(body, at, source, known);
        if (source === undefined) return -1;
        end = at + source.bytes.length;
        sheet.places[row] = placeOf(source, sheet);
      } else {
        if (stamp.length === 0 || !isText(body, at, stamp)) {
          stamp = body.subarray(at, body.indexOf(quote, at));
          instant = instantOf(stamp.toString("latin1"), known);
          if (instant < 0) return -1;
          day = Instant.dayOf(instant);
        }
        end = at + stamp.length;
        numbers![row] = instant;
        days[row] = day;
      }
      at = end;
    }
    if (!standsAt(body, at, tail)) return -1;
    at += tail.length;
    sheet.length = row + 1;
    if (body[at] === closing) return at;
    if (body[at] !== comma) return -1;
    at++;
  }
};

const standsAt = (body: Buffer, at: number, bytes: Buffer): boolean => {
  for (let index = 0; index < bytes.length; index++) if (body[at + index] !== bytes[index]) return false;
  return true;
};

/** Whether the text that begins there is this one. */
const isText = (body: Buffer, at: number, bytes: Buffer): boolean =>
  standsAt(body, at, bytes) && body[at + bytes.length] === quote;

/** The number that the digits are; −1 if there are none, or too many. */
const plainDigits = (body: Buffer, start: number, end: number): number => {
  if (end === start || end - start > mostPlainDigits) return -1;
  let count = 0;
  for (let at = start; at < end; at++) count = count * 10 + body[at]! - 0x30;
  return count;
};

const endOfDigits = (body: Buffer, from: number): number => {
  let at = from;
  // Past the end there is nothing, and the comparison fails.
  while (body[at]! >= 0x30 && body[at]! <= 0x39) at++;
  return at;
};

/** What stands up to the next quote, if it is a plain id. */
const sourceAt = (
  body: Buffer,
  at: number,
  before: KnownSource | undefined,
  { sources }: Known,
): KnownSource | undefined => {
  const expected = before?.next;
  if (expected !== undefined && isText(body, at, expected.bytes)) return expected;
  const text = body.toString("latin1", at, body.indexOf(quote, at));
  let source = sources.get(text);
  if (source === undefined) {
    if (!isSourceId(text) || !isUnescaped(text)) return undefined;
    source = { text, bytes: Buffer.from(text), sheet: undefined, place: 0, next: undefined };
    sources.set(text, source);
  }
  if (before !== undefined) before.next = source;
  return source;
};

const placeOf = (source: KnownSource, sheet: Sheet): number => {
  if (source.sheet !== sheet) {
    source.sheet = sheet;
    source.place = sheet.texts.push(source.text) - 1;
  }
  return source.place;
};

/** −1 for what is no instant. */
const instantOf = (text: string, { instants }: Known): Instant.EpochMicros => {
  const known = instants.get(text);
  if (known !== undefined) return known;
  const instant = Option.getOrElse(Instant.parse(text), () => -1);
  if (instant >= 0 && instants.size < mostKnown) instants.set(text, instant);
  return instant;
};

/** Whether JSON has the text as it is. */
const isUnescaped = (text: string): boolean => JSON.stringify(text) === `"${text}"`;
