/**
 * The service itself: from a request, as data, to a reply, as data.
 *
 * Guarantees: nothing here touches a socket or waits. A request is judged in this order: token, region, rate limit,
 * path, plan, parameters; a request that is refused by one of these spends no fault.
 */
import { spoilAnswer, unauthorized } from "./AnswerFault.ts";
import { Bounded } from "./Bounded.ts";
import { type Dataset, datasetAt } from "./Dataset.ts";
import type { FaultBox } from "./FaultBox.ts";
import { type Listing, listSources, listUsage } from "./Listing.ts";
import { formatMonth } from "./Month.ts";
import { type Page, spoilPage } from "./PageFault.ts";
import { encodeCursor, type InvalidParameter, type Query, readCount, readCursor, readPeriod } from "./Query.ts";
import { RateLimiter, rateHeaders, refuse } from "./RateLimit.ts";
import { reply, type Reply } from "./Reply.ts";
import type { SimulatorConfig } from "./SimulatorConfig.ts";
import { errorBody, pageBody, workspaceBody, type WireError } from "./Wire.ts";
import type { Workspace } from "./Workspace.ts";
import type { World } from "./World.ts";

/** A request, as far as the service looks at it. */
export interface Request {
  readonly method: string;
  readonly path: string;
  readonly query: Query;
  readonly authorization: string | undefined;
  readonly accept: string | undefined;
  /** When it came, by the real clock, in milliseconds since 1970. */
  readonly atMs: number;
}

/** A reply, and what the log says of it. */
export interface Outcome {
  readonly reply: Reply;
  readonly workspaceId: string | undefined;
  readonly faults: ReadonlyArray<string>;
}

/** Answers requests. */
export class Service {
  readonly #config: SimulatorConfig;
  readonly #world: World;
  readonly #faults: FaultBox;
  readonly #nowMs: () => number;
  readonly #limiter: RateLimiter | undefined;
  readonly #workspaces: ReadonlyMap<string, Workspace>;
  // Some 16 MB at 1,000 rows a page.
  readonly #bodies = new Bounded<Buffer>(64);

  /** `nowMs` is what the service takes for the present, in milliseconds since 1970. */
  constructor(config: SimulatorConfig, world: World, faults: FaultBox, nowMs: () => number) {
    this.#config = config;
    this.#world = world;
    this.#faults = faults;
    this.#nowMs = nowMs;
    this.#limiter = config.rateLimit && new RateLimiter(config.rateLimit);
    this.#workspaces = new Map(
      world.workspaces.flatMap((workspace) => workspace.tokens.map((token) => [token, workspace])),
    );
  }

  /** Answers one request. */
  answer(request: Request): Outcome {
    const contentType = contentTypeFor(request.accept);
    const token = /^Bearer +(\S+)$/i.exec(request.authorization ?? "")?.[1] ?? "";
    const workspace = this.#workspaces.get(token);
    if (workspace === undefined || this.#faults.revoked.has(token)) {
      return { reply: unauthorized(contentType), workspaceId: undefined, faults: [] };
    }
    const refused = (status: number, error: WireError): Outcome => ({
      reply: reply(status, contentType, errorBody(error)),
      workspaceId: workspace.id,
      faults: [],
    });
    const { rateLimit, region } = this.#config;
    if (region !== undefined) {
      const host = `Segment's ${region.toUpperCase()}-hosted API`;
      return refused(403, {
        type: "forbidden",
        message: `Requests for this workspace must be sent to ${host}`,
      });
    }
    const verdict = this.#limiter?.take(token, request.atMs);
    if (rateLimit !== undefined && verdict?.isAllowed === false) {
      const { headers, body } = refuse(verdict, request.atMs, rateLimit.refusal);
      return {
        reply: reply(429, contentType, body, headers),
        workspaceId: workspace.id,
        faults: [],
      };
    }
    const headers = rateLimit?.headers === true && verdict !== undefined ? rateHeaders(verdict) : {};
    const answer = this.#route(request, workspace);
    if ("error" in answer) return refused(answer.status, answer.error);
    const whole = reply(200, contentType, answer.body, headers);
    const { fault } = answer;
    if (fault?.kind === "revoked-token") this.#faults.revoked.add(token);
    return {
      reply: fault === undefined ? whole : spoilAnswer(whole, fault, request.atMs),
      workspaceId: workspace.id,
      faults: answer.faults,
    };
  }

  #route(request: Request, workspace: Workspace) {
    if (request.method !== "GET") return notFound(`${request.method} is not supported here`);
    const { path, query } = request;
    if (path === "/") {
      const target = { workspaceId: workspace.id, path, month: undefined, page: 0, isLast: true };
      const { answer } = this.#faults.draw(target);
      return {
        body: workspaceBody(workspace),
        fault: answer,
        faults: answer === undefined ? [] : [answer.kind],
      };
    }
    const dataset = datasetAt(path);
    if (dataset === undefined && path !== "/sources") return notFound(`no such path: ${path}`);
    const listing =
      dataset === undefined ? listSources(workspace, this.#nowMs()) : this.#usage(workspace, dataset, query);
    return "error" in listing ? listing : this.#page(request, workspace, listing);
  }

  #page({ path, query }: Request, workspace: Workspace, listing: Listing) {
    const count = readCount(query, this.#config.maxPageSize);
    if (typeof count !== "number") return invalid(count);
    const cursor = readCursor(query, listing.total);
    if ("field" in cursor) return invalid(cursor);
    const end = cursor.offset + count;
    const isLast = end >= listing.total;
    const month = listing.month === undefined ? undefined : formatMonth(listing.month);
    const drawn = this.#faults.draw({
      workspaceId: workspace.id,
      path,
      month,
      page: cursor.page,
      isLast,
    });
    const write = () => {
      const page: Page = {
        ...listing,
        rows: listing.slice(cursor.offset, end),
        cursor,
        next: isLast ? undefined : { page: cursor.page + 1, offset: end },
      };
      return Buffer.from(this.#write(drawn.page.reduce(spoilPage, page), listing, count));
    };
    const key = `${workspace.id} ${path} ${listing.version} ${cursor.page} ${cursor.offset} ${count}`;
    return {
      body: drawn.page.length > 0 ? write() : this.#bodies.get(key, write),
      fault: drawn.answer,
      faults: [...drawn.page, ...(drawn.answer === undefined ? [] : [drawn.answer])].map(({ kind }) => kind),
    };
  }

  #write(page: Page, listing: Listing, count: number): string {
    const { cursor, next } = page;
    const missing = this.#config.nullCursors ? null : undefined;
    const previous = { page: cursor.page - 1, offset: Math.max(0, cursor.offset - count) };
    return pageBody(listing.listKey, listing.texts(page.rows), {
      current: encodeCursor(cursor),
      next: next === undefined ? missing : encodeCursor(next),
      previous: cursor.page === 0 ? missing : encodeCursor(previous),
      totalEntries: this.#config.totalEntries ? page.total : undefined,
    });
  }

  #usage(workspace: Workspace, dataset: Dataset, query: Query): Listing | Refusal {
    if (this.#config.plan === "free") {
      return {
        status: 403,
        error: { type: "forbidden", message: "The plan of this workspace lacks this feature" },
      };
    }
    const month = readPeriod(query);
    if (typeof month !== "number") return invalid(month);
    const nowMs = this.#nowMs();
    if (this.#config.beyondRetention === "not-found" && this.#world.isBeyondRetention(month, nowMs)) {
      return notFound(`no usage for ${formatMonth(month)}`);
    }
    return listUsage(this.#world, workspace, dataset, month, nowMs, this.#config.countsAsNumbers);
  }
}

/** An answer other than 200. */
interface Refusal {
  readonly status: number;
  readonly error: WireError;
}

function contentTypeFor(accept: string | undefined): string {
  const documented = "application/vnd.segment.v1+json";
  return accept?.includes(documented) === true ? documented : "application/json";
}

function invalid({ field, message }: InvalidParameter): Refusal {
  return { status: 422, error: { type: "input-validation", message, field } };
}

function notFound(message: string): Refusal {
  return { status: 404, error: { type: "not-found", message, data: null } };
}
