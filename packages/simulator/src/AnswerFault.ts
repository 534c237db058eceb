/** Faults of the answer as a whole: its status, its bytes, its connection. */
import type { AnswerFault } from "./FaultBox.ts";
import { refuse } from "./RateLimit.ts";
import { reply, type Reply } from "./Reply.ts";
import { errorBody, htmlBody } from "./Wire.ts";

/**
 * The answer with one fault in it.
 * Shape: `whole` is the answer as it should be; `atMs` is the real time, in milliseconds since 1970.
 */
export function spoilAnswer(whole: Reply, fault: AnswerFault, atMs: number): Reply {
  const contentType = whole.headers["Content-Type"] ?? "application/json";
  const kept = (permille: number) => Math.floor((whole.body.length * permille) / 1000);
  switch (fault.kind) {
    case "status":
      return fault.body === "html"
        ? reply(fault.status, "text/html", htmlBody)
        : reply(fault.status, contentType, errorBody({ type: "simulated", message: fault.message }));
    case "rate-limit-storm": {
      const verdict = {
        isAllowed: false,
        consumed: 1,
        remaining: 0,
        resetAtMs: atMs + fault.waitMs,
      };
      const { headers, body } = refuse(verdict, atMs, fault.refusal);
      return reply(429, contentType, body, headers);
    }
    case "html-502":
      return reply(502, "text/html", htmlBody);
    case "reset":
    case "hang":
      return { ...whole, delivery: { kind: fault.kind } };
    case "reset-midway":
      return { ...whole, delivery: { kind: "reset-midway", bytes: kept(fault.keepPermille) } };
    case "truncated-body":
      return { ...whole, body: whole.body.subarray(0, kept(fault.keepPermille)) };
    case "not-json":
      return reply(200, "text/html", htmlBody);
    case "slow-body":
      return {
        ...whole,
        delivery: { kind: "drip", chunkBytes: fault.chunkBytes, everyMs: fault.everyMs },
      };
    case "oversized-body":
      return { ...whole, body: Buffer.concat([whole.body, Buffer.alloc(fault.mebibytes * 2 ** 20, " ")]) };
    case "deep-body": {
      const nested = `${"[".repeat(fault.levels)}${"]".repeat(fault.levels)}`;
      return { ...whole, body: Buffer.from(whole.body.toString().replace("[{", `[{"nested":${nested},`)) };
    }
    case "empty-body":
      return { ...whole, body: Buffer.alloc(0) };
    case "wrong-envelope":
      return reply(200, contentType, JSON.stringify({ data: { pagination: { current: "MDow" } } }));
    case "errors-with-200":
      return reply(200, contentType, errorBody({ type: "internal-error", message: "Something went wrong" }));
    case "revoked-token":
      return unauthorized(contentType);
    case "redirect":
      return reply(fault.status, contentType, "", { Location: fault.to });
  }
}

/** The answer to a token that is missing, unknown or revoked. */
export function unauthorized(contentType: string): Reply {
  return reply(
    401,
    contentType,
    errorBody({ type: "unauthorized", message: "The token is missing, invalid or insufficient" }),
  );
}
