/**
 * What was asked and how it was answered, for tests and for people.
 *
 * Guarantees: no token is ever kept, wherever in the request it stood; counts are over all requests.
 * Memory: the latest 100,000 requests at most.
 */

/** One request. */
export interface RequestEntry {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  /** Decoded; nested names are written with a dot. */
  readonly query: Readonly<Record<string, string>>;
  /** Undefined when the client got none: the connection was reset before, or the answer never came. */
  readonly status: number | undefined;
  /** Kinds of the faults that hit it. */
  readonly faults: ReadonlyArray<string>;
  /** When it came, in milliseconds since 1970, by the real clock. */
  readonly at: number;
  readonly userAgent: string | undefined;
  readonly accept: string | undefined;
  /** Undefined when the token was refused. */
  readonly workspaceId: string | undefined;
}

/** How many requests there were. Shape: `byStatus` has `none` for those that got no status. */
export interface RequestStats {
  readonly total: number;
  readonly byStatus: Readonly<Record<string, number>>;
  readonly byPath: Readonly<Record<string, number>>;
}

const capacity = 100_000;

/** Keeps the requests. */
export class RequestLog {
  /** Shape: in the order of answering; it grows while the service runs. */
  readonly entries: Array<RequestEntry> = [];
  readonly #token: RegExp;
  readonly #byStatus: Record<string, number> = {};
  readonly #byPath: Record<string, number> = {};
  #total = 0;

  constructor(tokens: ReadonlyArray<string>) {
    this.#token = new RegExp(tokens.map(pattern).join("|"), "gu");
  }

  /** Keeps one request, without tokens. */
  add(entry: RequestEntry): void {
    const path = this.#redact(entry.path);
    const status = String(entry.status ?? "none");
    this.#total += 1;
    this.#byStatus[status] = (this.#byStatus[status] ?? 0) + 1;
    this.#byPath[path] = (this.#byPath[path] ?? 0) + 1;
    // Dropping many at once keeps the cost of a request constant.
    if (this.entries.length >= capacity) this.entries.splice(0, capacity / 10);
    this.entries.push({
      ...entry,
      path,
      query: Object.fromEntries(
        Object.entries(entry.query).map(([name, value]) => [this.#redact(name), this.#redact(value)]),
      ),
      userAgent: entry.userAgent === undefined ? undefined : this.#redact(entry.userAgent),
      accept: entry.accept === undefined ? undefined : this.#redact(entry.accept),
    });
  }

  /** Counts over all requests so far. */
  stats(): RequestStats {
    return { total: this.#total, byStatus: { ...this.#byStatus }, byPath: { ...this.#byPath } };
  }

  #redact(text: string): string {
    return text.replace(this.#token, "<token>");
  }
}

/** A token wherever it stands; a short one only as a word, lest `a` be struck out of every path. */
function pattern(token: string): string {
  const literal = token.replace(/[^A-Za-z0-9_]/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
  return token.length < 8 ? `(?<![A-Za-z0-9])${literal}(?![A-Za-z0-9])` : literal;
}
