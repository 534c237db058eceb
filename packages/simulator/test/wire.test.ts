/** The documented wire format, byte by byte where it matters. */
import { assert, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import { canary, datasetNames, datasets, startSimulator } from "../src/index.ts";
import { get, type PageBody, usageQuery, walk, withSimulator } from "./Probe.ts";

const mtu = datasets["workspace-mtu"].path;
const sourceMtu = datasets["source-mtu"];
const errorsOf = (text: string) => (JSON.parse(text) as { errors: ReadonlyArray<Record<string, unknown>> }).errors;

describe("pages", () => {
  for (const dataset of datasetNames) {
    it(`of ${dataset} add up to the truth at any size`, () =>
      withSimulator({ workspaces: [{ sources: 6 }] }, async (simulator) => {
        const id = simulator.workspaces[0]?.id as string;
        const truth = simulator.truth(id, dataset, "2025-02");
        for (const count of [1000, truth.length, 7, 1].filter((size) => truth.length / size < 60)) {
          const { rows, pages } = await walk(
            simulator,
            datasets[dataset].path,
            datasets[dataset].listKey,
            "2025-02",
            count,
          );
          assert.deepStrictEqual(rows as never, truth as never);
          assert.strictEqual(pages.length, Math.ceil(truth.length / count));
          assert.isTrue(pages.every(({ data }) => data.pagination.totalEntries === truth.length));
          assert.isTrue(
            pages.slice(1).every(({ data }, at) => data.pagination.current === pages[at]?.data.pagination.next),
          );
          assert.isFalse("next" in (pages.at(-1) as PageBody).data.pagination);
          assert.isFalse("previous" in (pages[0] as PageBody).data.pagination);
        }
      }));
  }

  it("can be asked for in both ways of writing nested parameters", () =>
    withSimulator({}, async (simulator) => {
      const dotted = await get(simulator, `${mtu}?period=2025-02-01&pagination.count=5&pagination.cursor=MTo1`);
      const encoded = await get(
        simulator,
        `${mtu}?period=2025-02-01&pagination%5Bcount%5D=5&pagination%5Bcursor%5D=MTo1`,
      );
      const bare = await get(simulator, `${mtu}?period=2025-02-01&pagination[count]=5&pagination[cursor]=MTo1`);
      assert.strictEqual(dotted.status, 200);
      assert.strictEqual(dotted.text, encoded.text);
      assert.strictEqual(dotted.text, bare.text);
      assert.include(dotted.text, "2025-02-06T00:00:00Z");
    }));

  it("have the documented shape", () =>
    withSimulator({ workspaces: [{ sources: 3 }] }, async (simulator) => {
      const { text } = await get(simulator, sourceMtu.path + usageQuery("2025-02", 1));
      assert.match(
        text,
        /^\{"data":\{"dailyPerSourceMTUUsage":\[\{"sourceId":"[1-9A-Za-z]{22}","periodStart":1738368000,"periodEnd":1740787200,"anonymous":"\d+","anonymousIdentified":"\d+","identified":"\d+","neverIdentified":"\d+","timestamp":"2025-02-01T00:00:00Z"\}\],"pagination":\{"current":"[^"]+","next":"[^"]+","totalEntries":84\}\}\}$/,
      );
    }));

  it("leave out the total, or send null cursors, when told to", () =>
    withSimulator({ totalEntries: false, nullCursors: true }, async (simulator) => {
      const { text } = await get(simulator, mtu + usageQuery("2025-02", 1000));
      assert.include(text, '"pagination":{"current":"MDow","next":null,"previous":null}}');
    }));

  it("are typed as the client asks", () =>
    withSimulator({}, async (simulator) => {
      const type = async (accept: string) => (await get(simulator, "/", { accept })).headers["content-type"];
      assert.strictEqual(await type("application/vnd.segment.v1+json"), "application/vnd.segment.v1+json");
      assert.strictEqual(await type("application/json"), "application/json");
      assert.strictEqual(await type("*/*"), "application/json");
    }));
});

describe("latency", () => {
  it("lies between its bounds", () =>
    withSimulator({ latencyMs: [20, 25] }, async (simulator) => {
      const before = performance.now();
      await get(simulator, "/");
      // Timers of node may fire a millisecond early.
      assert.isAtLeast(performance.now() - before, 19);
    }));
});

describe("counts", () => {
  it("are exact beyond 2^53, as strings and as numbers", async () => {
    const read = async (countsAsNumbers: boolean) => {
      let text = "";
      await withSimulator({ counts: "huge", countsAsNumbers, workspaces: [{ sources: 2 }] }, async (simulator) => {
        text = (await get(simulator, sourceMtu.path + usageQuery("2024-02", 1000))).text;
      });
      return text;
    };
    const strings = await read(false);
    const numbers = await read(true);
    for (const figure of ["9007199254740991", "9007199254740993", "9223372036854775807"]) {
      assert.include(strings, `"identified":"${figure}"`);
      assert.include(numbers, `"identified":${figure}`);
    }
    const unquoted = strings.replace(
      /"(anonymous|anonymousIdentified|identified|neverIdentified)":"(\d+)"/g,
      '"$1":$2',
    );
    assert.strictEqual(numbers, unquoted);
  });
});

describe("a request is refused", () => {
  const refusals: ReadonlyArray<readonly [what: string, path: string, status: number, field: string | undefined]> = [
    ["without a period", `${mtu}?pagination.count=5`, 422, "period"],
    ["for a day within a month", `${mtu}?period=2025-02-02&pagination.count=5`, 422, "period"],
    ["for what is no month", `${mtu}?period=2025-13-01&pagination.count=5`, 422, "period"],
    ["without a count", `${mtu}?period=2025-02-01`, 422, "pagination.count"],
    ["for no rows", `${mtu}?period=2025-02-01&pagination.count=0`, 422, "pagination.count"],
    ["for too many rows", `${mtu}?period=2025-02-01&pagination.count=1001`, 422, "pagination.count"],
    ["for half a row", `${mtu}?period=2025-02-01&pagination.count=1.5`, 422, "pagination.count"],
    ["for sources without a count", "/sources", 422, "pagination.count"],
    [
      "with a cursor in clear text",
      `${mtu}?period=2025-02-01&pagination.count=5&pagination.cursor=5`,
      422,
      "pagination.cursor",
    ],
    [
      "with a cursor that was touched",
      `${mtu}?period=2025-02-01&pagination.count=5&pagination.cursor=MTo1!`,
      422,
      "pagination.cursor",
    ],
    [
      "with a cursor behind the end",
      `${mtu}?period=2025-02-01&pagination.count=5&pagination.cursor=OTo5OTk%3D`,
      422,
      "pagination.cursor",
    ],
    ["for an unknown path", "/usage/mtu/hourly", 404, undefined],
  ];
  for (const [what, path, status, field] of refusals) {
    it(`${what}: ${status}`, () =>
      withSimulator({}, async (simulator) => {
        const answer = await get(simulator, path);
        assert.strictEqual(answer.status, status);
        assert.strictEqual(errorsOf(answer.text)[0]?.["field"], field);
        assert.notInclude(answer.text, '"data":{');
      }));
  }

  it("as documented when the period is missing", () =>
    withSimulator({}, async (simulator) => {
      const { text } = await get(simulator, `${mtu}?pagination.count=5`);
      assert.strictEqual(
        text,
        '{"errors":[{"type":"input-validation","message":"\\"period\\" is required","field":"period"}]}',
      );
    }));

  it("without a token, or with a wrong one: 401", () =>
    withSimulator({}, async (simulator) => {
      for (const authorization of ["", "Bearer wrong", "Basic simulator-token", "Bearer"]) {
        const { status, text } = await get(simulator, "/", { authorization });
        assert.strictEqual(status, 401);
        assert.strictEqual(errorsOf(text)[0]?.["type"], "unauthorized");
      }
    }));

  it("beyond an older version's page size, naming the field: 422", () =>
    withSimulator({ maxPageSize: 200 }, async (simulator) => {
      assert.strictEqual((await get(simulator, mtu + usageQuery("2025-02", 200))).status, 200);
      const { status, text } = await get(simulator, mtu + usageQuery("2025-02", 201));
      assert.strictEqual(status, 422);
      assert.include(String(errorsOf(text)[0]?.["message"]), "pagination.count");
    }));

  it("on a plan without usage: 403, though the token is good", () =>
    withSimulator({ plan: "free" }, async (simulator) => {
      assert.strictEqual((await get(simulator, mtu + usageQuery("2025-02", 5))).status, 403);
      assert.strictEqual((await get(simulator, "/")).status, 200);
      assert.deepStrictEqual(simulator.truth(simulator.workspaces[0]?.id as string, "workspace-mtu", "2025-02"), []);
    }));

  it("in the wrong region, saying which is right", () =>
    withSimulator({ region: "eu" }, async (simulator) => {
      const { status, text } = await get(simulator, "/");
      assert.strictEqual(status, 403);
      assert.include(text, "must be sent to Segment's EU-hosted API");
    }));

  for (const [beyondRetention, status] of [
    ["not-found", 404],
    ["empty", 200],
  ] as const) {
    it(`beyond the retention: ${status}`, () =>
      withSimulator({ retentionMonths: 5, beyondRetention }, async (simulator) => {
        const read = async (month: string) => await get(simulator, mtu + usageQuery(month, 50));
        assert.include((await read("2024-10")).text, '"totalEntries":31');
        const old = await read("2024-09");
        assert.strictEqual(old.status, status);
        assert.notInclude(old.text, "timestamp");
        assert.strictEqual((await read("2026-01")).status, 200);
      }));
  }
});

describe("secrets", () => {
  it("are in /sources alone", () =>
    withSimulator({ workspaces: [{ sources: 4 }] }, async (simulator) => {
      assert.strictEqual((await get(simulator, "/sources?pagination.count=1000")).text.split(canary).length - 1, 8 - 2);
      for (const path of ["/", ...datasetNames.map((name) => datasets[name].path + usageQuery("2025-02", 1000))]) {
        assert.notInclude((await get(simulator, path)).text, canary);
      }
    }));

  it("that are long are struck out of the request log even within a word, short ones only as a word", () =>
    withSimulator({ workspaces: [{ token: "sgp_long.token+1", moreTokens: ["a"] }] }, async (simulator) => {
      await get(simulator, "/usage/xsgp_long.token+1x/a");
      assert.strictEqual(simulator.requests[0]?.path, "/usage/x<token>x/<token>");
    }));

  it("never reach the request log", () =>
    withSimulator({ workspaces: [{ token: "tok-1", moreTokens: ["tok-2"] }] }, async (simulator) => {
      await get(simulator, "/tok-1?leak=tok-2&tok-1=x", {
        "user-agent": "agent tok-1",
        accept: "tok-2",
      });
      await get(simulator, "/", { authorization: "Bearer tok-2", "user-agent": "probe/1" });
      assert.notInclude(JSON.stringify([simulator.requests, simulator.stats()]), "tok-");
      const { at, ...entry } = simulator.requests[1]!;
      assert.isAbove(at, 0);
      assert.deepStrictEqual(entry, {
        method: "GET",
        path: "/",
        query: {},
        status: 200,
        faults: [],
        userAgent: "probe/1",
        accept: "*/*",
        workspaceId: simulator.workspaces[0]?.id,
      });
      assert.deepStrictEqual(simulator.stats(), {
        total: 2,
        byStatus: { "200": 1, "404": 1 },
        byPath: { "/<token>": 1, "/": 1 },
      });
    }));
});

describe("workspaces", () => {
  it("are told apart by their tokens", () =>
    withSimulator({ workspaces: [{ sources: 3 }, { sources: 5, token: "b", from: "2025-02" }] }, async (simulator) => {
      const [a, b] = simulator.workspaces;
      assert.notStrictEqual(a?.id, b?.id);
      const asB = await get(simulator, mtu + usageQuery("2025-02", 1000), {
        authorization: "Bearer b",
      });
      const { data } = JSON.parse(asB.text) as PageBody;
      assert.deepStrictEqual(
        data["dailyWorkspaceMTUUsage"] as never,
        simulator.truth(b?.id as string, "workspace-mtu", "2025-02") as never,
      );
      assert.isEmpty(simulator.truth(b?.id as string, "workspace-mtu", "2025-01"));
      assert.throws(() => simulator.truth("nobody", "workspace-mtu", "2025-01"), RangeError);
    }));

  for (const [what, options] of [
    ["an unknown key", { workspaces: [{ source: 3 }] }],
    ["a token of two workspaces", { workspaces: [{ token: "same" }, { token: "same" }] }],
    ["a local time", { now: "2025-01-01T00:00:00" }],
    ["a page of no rows", { maxPageSize: 0 }],
  ] as const) {
    it(`are refused with ${what}`, async () => {
      const error = await Effect.runPromise(Effect.flip(Effect.scoped(startSimulator(options as never))));
      assert.strictEqual(error.operation, "configure");
      assert.notInclude(error.message, "same");
    });
  }

  it("cannot have a port twice, and give it back at the end of the scope", async () => {
    let port = 0;
    await withSimulator({}, async (simulator) => {
      port = simulator.port;
      const error = await Effect.runPromise(Effect.flip(Effect.scoped(startSimulator({ port }))));
      assert.strictEqual(error.operation, "listen");
    });
    await withSimulator({ port }, async (simulator) => assert.strictEqual(simulator.port, port));
  });
});
