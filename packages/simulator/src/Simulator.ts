/**
 * A Segment Public API of made-up data on this machine, and the handles by which tests and people steer it.
 *
 * Guarantees: it listens on 127.0.0.1 alone; closing the scope closes every connection, also those left hanging.
 */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import type { Dataset } from "./Dataset.ts";
import { FaultBox, type FaultControl } from "./FaultBox.ts";
import { dayAt, parseMonth } from "./Month.ts";
import { handleRequest } from "./Handler.ts";
import { type RequestEntry, RequestLog, type RequestStats } from "./RequestLog.ts";
import type { Restatement } from "./Restatement.ts";
import { Service } from "./Service.ts";
import { parseInstant, resolveConfig, type SimulatorOptions } from "./SimulatorConfig.ts";
import { SimulatorError } from "./SimulatorError.ts";
import { type RowOf, sliceRows } from "./UsageRows.ts";
import { listedSources, type WireSource, type Workspace } from "./Workspace.ts";
import { World } from "./World.ts";

/** A workspace of the service, and the token that opens it. */
export interface SimulatedWorkspace {
  readonly id: string;
  readonly slug: string;
  readonly name: string;
  readonly token: string;
}

/** A running service. */
export interface Simulator {
  /** `http://127.0.0.1:PORT`, without a slash at the end. */
  readonly url: string;
  readonly port: number;
  /** Shape: as configured, at least one. */
  readonly workspaces: ReadonlyArray<SimulatedWorkspace>;
  /**
   * The rows that a walk of all pages would give now if nothing went wrong, in their order.
   * Shape: counts are decimal strings, also where the wire has numbers. Throws a RangeError for an unknown workspace.
   */
  readonly truth: <D extends Dataset>(workspaceId: string, dataset: D, month: string) => ReadonlyArray<RowOf[D]>;
  /** What a walk of `/sources` would give now, made-up secrets included. */
  readonly sources: (workspaceId: string) => ReadonlyArray<WireSource>;
  readonly faults: FaultControl;
  /** Changes figures already reported; throws a RangeError when it names what does not exist. */
  readonly restate: (restatement: Restatement) => void;
  /** Shape: in the order of answering; it grows while the service runs. */
  readonly requests: ReadonlyArray<RequestEntry>;
  readonly stats: () => RequestStats;
  /** Sets what the service takes for the present, ISO-8601; throws a RangeError when it is no instant. */
  readonly setNow: (iso: string) => void;
}

/**
 * Starts a service, and stops it when the scope closes.
 * Errors: `SimulatorError` with `configure` for wrong options, or `listen` when the port is taken.
 */
export const startSimulator: (options?: SimulatorOptions) => Effect.Effect<Simulator, SimulatorError, Scope.Scope> =
  Effect.fnUntraced(function* (options = {}) {
    const config = yield* resolveConfig(options);
    const clock = { fixedMs: config.now === undefined ? undefined : parseInstant(config.now) };
    const nowMs = () => clock.fixedMs ?? Date.now();
    const world = new World(config);
    const faults = new FaultBox(config.seed);
    const log = new RequestLog(world.workspaces.flatMap(({ tokens }) => tokens));
    const service = new Service(config, world, faults, nowMs);
    const server = createServer((request, response) => handleRequest(config, service, log, request, response));
    // Longer than clients keep idle connections, so that none is closed under a request.
    server.keepAliveTimeout = 75_000;
    const port = yield* Effect.acquireRelease(listen(server, config.port), () => close(server));
    const known = (workspaceId: string): Workspace => {
      const workspace = world.workspace(workspaceId);
      if (workspace === undefined) throw new RangeError(`no workspace ${workspaceId}`);
      return workspace;
    };
    return {
      url: `http://127.0.0.1:${port}`,
      port,
      workspaces: world.workspaces.map(({ id, slug, name, tokens }) => ({
        id,
        slug,
        name,
        token: tokens[0] as string,
      })),
      truth: <D extends Dataset>(workspaceId: string, dataset: D, month: string) => {
        const number = parseMonth(month);
        if (number === undefined) throw new RangeError(`not a month written YYYY-MM: ${month}`);
        const workspace = known(workspaceId);
        if (config.plan === "free") return [];
        return sliceRows(world.usage(workspace, number, nowMs()), dataset, 0, Infinity) as unknown as Array<RowOf[D]>;
      },
      sources: (workspaceId) => listedSources(known(workspaceId), dayAt(nowMs())),
      faults,
      restate: (restatement) => world.restate(restatement),
      requests: log.entries,
      stats: () => log.stats(),
      setNow: (iso) => {
        const atMs = parseInstant(iso);
        if (Number.isNaN(atMs)) throw new RangeError(`not an ISO-8601 instant: ${iso}`);
        clock.fixedMs = atMs;
      },
    };
  });

function listen(server: Server, port: number): Effect.Effect<number, SimulatorError> {
  return Effect.callback<number, SimulatorError>((resume) => {
    server.once("error", (cause) =>
      resume(Effect.fail(new SimulatorError({ operation: "listen", hint: `port ${port} cannot be had`, cause }))),
    );
    server.listen(port, "127.0.0.1", () => resume(Effect.succeed((server.address() as AddressInfo).port)));
  });
}

function close(server: Server): Effect.Effect<void> {
  return Effect.callback<void>((resume) => {
    server.close(() => resume(Effect.void));
    server.closeAllConnections();
  });
}
