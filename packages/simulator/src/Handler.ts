/**
 * The boundary to node:http: a message becomes a request, is answered, logged, and its reply delivered.
 *
 * Guarantees: each request is logged once, also when its answer never arrives; a wait before the answer keeps no process
 * alive.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { readQuery } from "./Query.ts";
import { deliver, reply, seenStatus } from "./Reply.ts";
import type { RequestLog } from "./RequestLog.ts";
import { between } from "./Seed.ts";
import type { Outcome, Request, Service } from "./Service.ts";
import type { SimulatorConfig } from "./SimulatorConfig.ts";
import { errorBody } from "./Wire.ts";

/** Answers one message after the configured latency. */
export function handleRequest(
  config: SimulatorConfig,
  service: Service,
  log: RequestLog,
  message: IncomingMessage,
  response: ServerResponse,
): void {
  const { method = "GET", url = "/", headers } = message;
  const { accept, authorization, "user-agent": userAgent } = headers;
  const [path = "/", search = ""] = url.split(/\?(.*)/s);
  const query = readQuery(new URLSearchParams(search));
  const atMs = Date.now();
  const outcome = answerOrFail(service, { method, path, query, authorization, accept, atMs });
  const { workspaceId, faults } = outcome;
  const status = seenStatus(outcome.reply);
  log.add({ method, path, query, status, faults, at: atMs, userAgent, accept, workspaceId });
  const waitMs = latency(config, log.stats().total);
  if (waitMs === 0) deliver(outcome.reply, response);
  else setTimeout(() => deliver(outcome.reply, response), waitMs).unref();
}

/** The wait before the answer to the n-th request, in milliseconds. */
function latency({ latencyMs, seed }: SimulatorConfig, request: number): number {
  const [least, most] = typeof latencyMs === "number" ? [latencyMs, latencyMs] : latencyMs;
  return between(least, Math.max(least, most), seed, "latency", request);
}

/** A mistake of the simulator must show in the client's log as a 500, not end the process that it runs in. */
function answerOrFail(service: Service, request: Request): Outcome {
  try {
    return service.answer(request);
  } catch (cause) {
    const body = errorBody({ type: "simulator-defect", message: String(cause) });
    return { reply: reply(500, "application/json", body), workspaceId: undefined, faults: [] };
  }
}
