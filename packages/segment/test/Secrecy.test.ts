/** The token is in the Authorization header of the requests, and nowhere else, whatever the service says. */
import { assert, describe, it } from "@effect/vitest";
import * as Cause from "effect/Cause";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Redacted from "effect/Redacted";
import type { ServerResponse } from "node:http";
import { inspect } from "node:util";
import type { SegmentClientShape } from "../src/SegmentClient.ts";
import { clientFor, errorBody, january, say, scripted, simulated } from "./Setting.ts";

/** All that a person, a log or a crash report may be shown of a failure. */
const shown = (exit: Exit.Exit<unknown, unknown>): string => {
  if (Exit.isSuccess(exit)) return assert.fail("it was expected to fail");
  const { cause } = exit;
  const texts = [Cause.pretty(cause), inspect(exit, { depth: 50, showHidden: true })];
  for (const error of Cause.prettyErrors(cause)) texts.push(String(error.stack));
  for (const reason of cause.reasons) {
    let error: unknown = Cause.isFailReason(reason) ? reason.error : undefined;
    assert.isDefined(error, "a defect, not an error");
    for (let depth = 0; error instanceof Error && depth < 10; depth++, error = error.cause) {
      texts.push(error.message, String(error), String(error.stack), JSON.stringify(error));
      texts.push(inspect(error, { depth: 50, showHidden: true, getters: true }));
      for (const key of Reflect.ownKeys(error)) texts.push(String(error[key as keyof Error]));
    }
  }
  return texts.join("\n");
};

const attempts = (client: SegmentClientShape) => [
  Effect.asVoid(client.workspace),
  Effect.asVoid(client.sourcesPage(undefined)),
  Effect.asVoid(client.usagePage({ dataset: "source-mtu", month: january, cursor: "a cursor" })),
];

type Answer = (response: ServerResponse, token: string) => void;

/** Ways to fail, each with the token in what the service says. */
const ways: ReadonlyArray<[string, Answer]> = [
  ...[302, 400, 401, 403, 404, 409, 413, 422, 429, 500, 503].map((status): [string, Answer] => [
    `status ${status}`,
    (response, token) =>
      say(response, status, errorBody(`no ${token} here`, { field: token, data: { token } }), {
        Location: `http://127.0.0.1:9/?token=${encodeURIComponent(token)}`,
      }),
  ]),
  ["a page of HTML", (response, token) => say(response, 502, `<html>Bearer ${token}</html>`)],
  ["a body that is no JSON", (response, token) => say(response, 200, `Bearer ${token}`)],
  ["another body", (response, token) => say(response, 200, JSON.stringify({ data: { token } }))],
  ["an error with 200", (response, token) => say(response, 200, errorBody(`no ${token}`))],
  ["a token cut in two", (response, token) => say(response, 403, errorBody("x".repeat(300 - 9) + token))],
  [
    "escapes",
    (response, token) => {
      const escaped = [...token].map((char) => {
        const code = char.charCodeAt(0).toString(16).padStart(4, "0");
        return `\\u${code}`;
      });
      say(response, 403, `{"errors":[{"message":"${escaped.join("")}"}]}`);
    },
  ],
  [
    "a broken body",
    (response, token) => {
      response.writeHead(200, { "content-length": "1000" });
      response.write(token, () => response.socket?.destroy());
    },
  ],
  ["a reset", (response) => response.socket?.resetAndDestroy()],
  ["silence", () => undefined],
];

describe("the token", () => {
  for (const token of ["sgp_Canary0123456789", 'a"b\\c/d+e$&%41']) {
    for (const [name, answer] of ways) {
      it.live(`${token} is in no error: ${name}`, () =>
        Effect.gen(function* () {
          const service = yield* scripted((response) => answer(response, token));
          const client = yield* clientFor(service.url, {
            token: Redacted.make(token),
            maxTries: 1,
            timeoutMs: 40,
          });
          for (const effect of attempts(client)) {
            const text = shown(yield* Effect.exit(effect));
            assert.notInclude(text, token);
            assert.notInclude(text, token.slice(0, 6));
            assert.notInclude(text, JSON.stringify(token).slice(1, -1));
            assert.notInclude(text, encodeURIComponent(token));
          }
          assert.isTrue(service.received.every(({ headers }) => headers.authorization === `Bearer ${token}`));
          assert.notInclude(service.received.map(({ url }) => url).join(), token);
        }),
      );
    }
  }

  it.live("is in no error of a connection that could not be made", () =>
    Effect.gen(function* () {
      const { url } = yield* Effect.scoped(scripted(() => undefined));
      const token = Redacted.make("sgp_Canary0123456789");
      const client = yield* clientFor(url, { token, maxTries: 1 });
      for (const effect of attempts(client)) assert.notInclude(shown(yield* Effect.exit(effect)), "Canary");
    }),
  );

  it.live("is not in the client, nor in its settings", () =>
    Effect.gen(function* () {
      const token = Redacted.make("sgp_Canary0123456789");
      const { client } = yield* simulated({ workspaces: [{ token: "sgp_Canary0123456789" }] }, { token });
      yield* client.workspace;
      for (const value of [client, token, { token }]) {
        assert.notInclude(inspect(value, { depth: 50, showHidden: true }), "Canary");
        assert.notInclude(JSON.stringify(value) ?? "", "Canary");
      }
    }),
  );
});
