/**
 * An answer as data, and how it is put on the wire, be it as it should be or not.
 *
 * Guarantees: a reply that is never finished holds no timer that keeps the process alive.
 */
import type { ServerResponse } from "node:http";

/** How the bytes of a reply go out. */
type Delivery =
  | { readonly kind: "whole" }
  /** Nothing is sent; the connection is reset. */
  | { readonly kind: "reset" }
  /** Headers and the first bytes are sent, then the connection is closed. */
  | { readonly kind: "reset-midway"; readonly bytes: number }
  /** Nothing is sent; the connection stays open. */
  | { readonly kind: "hang" }
  | { readonly kind: "drip"; readonly chunkBytes: number; readonly everyMs: number };

/** An answer. */
export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly delivery: Delivery;
}

/** An answer that goes out as it should. */
export function reply(
  status: number,
  contentType: string,
  body: string | Buffer,
  headers: Readonly<Record<string, string>> = {},
): Reply {
  const bytes = typeof body === "string" ? Buffer.from(body) : body;
  return {
    status,
    headers: { "Content-Type": contentType, ...headers },
    body: bytes,
    delivery: { kind: "whole" },
  };
}

/** The status that a client gets to see; undefined when it sees none. */
export function seenStatus({ status, delivery }: Reply): number | undefined {
  return delivery.kind === "reset" || delivery.kind === "hang" ? undefined : status;
}

/** Puts a reply on the wire. */
export function deliver({ status, headers, body, delivery }: Reply, response: ServerResponse): void {
  if (delivery.kind === "hang") return;
  if (delivery.kind === "reset") {
    response.socket?.resetAndDestroy();
    return;
  }
  response.writeHead(status, { ...headers, "Content-Length": body.length });
  if (delivery.kind === "whole") {
    response.end(body);
  } else if (delivery.kind === "reset-midway") {
    // Closed rather than reset: a reset would make the client's system throw away what came before it.
    response.write(body.subarray(0, delivery.bytes), () => response.socket?.destroy());
  } else {
    drip(body, delivery.chunkBytes, delivery.everyMs, response);
  }
}

function drip(body: Buffer, chunkBytes: number, everyMs: number, response: ServerResponse): void {
  let sent = 0;
  const timer = setInterval(() => {
    if (response.destroyed) return clearInterval(timer);
    response.write(body.subarray(sent, sent + chunkBytes));
    sent += chunkBytes;
    if (sent < body.length) return;
    clearInterval(timer);
    response.end();
  }, everyMs);
  timer.unref();
}
