/** Every fault does what it says, seen from outside, and leaves no trace once it is spent. */
import { assert, describe, it } from "@effect/vitest";
import { datasets, type FaultRule, type Simulator } from "../src/index.ts";
import { get, getRaw, type PageBody, usageQuery, walk, withSimulator } from "./Probe.ts";

const { path, listKey } = datasets["source-mtu"];
const first = path + usageQuery("2025-02", 10);
type Row = Record<string, string>;

const rowsOf = (text: string) => (JSON.parse(text) as PageBody).data[listKey] as Array<Row>;
const totalOf = (text: string) => (JSON.parse(text) as PageBody).data.pagination.totalEntries;

/** Runs with one fault armed, given what the first page is without it. */
function withFault(rule: FaultRule, test: (simulator: Simulator, clean: string) => Promise<void>): Promise<void> {
  return withSimulator({ workspaces: [{ sources: 3 }] }, async (simulator) => {
    const clean = (await get(simulator, first)).text;
    simulator.faults.add(rule);
    await test(simulator, clean);
    // Spent once: the next answer is in order again.
    if (rule.times === undefined && rule.kind !== "revoked-token") {
      assert.strictEqual((await get(simulator, first)).text, clean);
      assert.strictEqual(simulator.faults.list()[0]?.fired, 1);
    }
  });
}

describe("answers", () => {
  it("status: any, as JSON or as HTML", async () => {
    await withFault({ kind: "status", status: 409, message: "later" }, async (simulator) => {
      const { status, text } = await get(simulator, first);
      assert.strictEqual(status, 409);
      assert.strictEqual(text, '{"errors":[{"type":"simulated","message":"later"}]}');
    });
    await withFault({ kind: "status", status: 503, body: "html" }, async (simulator) => {
      const { status, headers, text } = await get(simulator, first);
      assert.deepStrictEqual([status, headers["content-type"]], [503, "text/html"]);
      assert.include(text, "<html>");
    });
  });

  it("rate-limit-storm: as many 429 as asked for, with the wait asked for", () =>
    withFault({ kind: "rate-limit-storm", times: 3, waitMs: 7500 }, async (simulator, clean) => {
      for (let time = 0; time < 3; time++) {
        const { status, headers, text } = await get(simulator, first);
        assert.deepStrictEqual([status, headers["retry-after"]], [429, "8"]);
        assert.include(text, '"msBeforeNext":7500');
      }
      assert.strictEqual((await get(simulator, first)).text, clean);
    }));

  it("rate-limit-storm: says the wait in the way asked for", () =>
    withFault({ kind: "rate-limit-storm", waitMs: 5000, refusal: "ms-before-next" }, async (simulator) => {
      const { headers, text } = await get(simulator, first);
      assert.notProperty(headers, "retry-after");
      assert.include(text, '"msBeforeNext":5000');
    }));

  it("html-502", () =>
    withFault({ kind: "html-502" }, async (simulator) => {
      const { status, headers, text } = await get(simulator, first);
      assert.deepStrictEqual([status, headers["content-type"]], [502, "text/html"]);
      assert.include(text, "502 Bad Gateway");
    }));

  it("reset: nothing comes", () =>
    withFault({ kind: "reset" }, async (simulator) => {
      const { status, code, bytes } = await getRaw(simulator, first);
      assert.deepStrictEqual([status, code, bytes.length], [undefined, "ECONNRESET", 0]);
      assert.strictEqual(simulator.requests.at(-1)?.status, undefined);
      assert.strictEqual(simulator.stats().byStatus["none"], 1);
      assert.deepStrictEqual(simulator.requests.at(-1)?.faults, ["reset"]);
    }));

  it("reset-midway: headers and a part of the body come", () =>
    withFault({ kind: "reset-midway", keepPermille: 250 }, async (simulator, clean) => {
      const { status, code, bytes } = await getRaw(simulator, first);
      assert.strictEqual(status, 200);
      assert.strictEqual(code, "ECONNRESET");
      assert.strictEqual(bytes.toString(), clean.slice(0, Math.floor(clean.length / 4)));
    }));

  it("truncated-body: a part of the body comes, and nothing says so", () =>
    withFault({ kind: "truncated-body", keepPermille: 250 }, async (simulator, clean) => {
      const { status, headers, text } = await get(simulator, first);
      assert.strictEqual(status, 200);
      assert.strictEqual(text, clean.slice(0, Math.floor(clean.length / 4)));
      assert.strictEqual(headers["content-length"], String(text.length));
    }));

  it("not-json", () =>
    withFault({ kind: "not-json" }, async (simulator) => {
      const { status, text } = await get(simulator, first);
      assert.strictEqual(status, 200);
      assert.isTrue(text.startsWith("<html>"));
    }));

  it("hang: no answer until the client gives up", () =>
    withSimulator({}, async (simulator) => {
      simulator.faults.add({ kind: "hang" });
      const abort = new AbortController();
      const hanging = fetch(simulator.url, {
        headers: { authorization: `Bearer ${simulator.workspaces[0]?.token}` },
        signal: abort.signal,
      }).catch((error: Error) => error.name);
      // The hang is on once another request, sent later, has been answered.
      while (simulator.stats().total === 0) await new Promise((resolve) => setImmediate(resolve));
      assert.strictEqual((await get(simulator, "/")).status, 200);
      abort.abort();
      assert.strictEqual(await hanging, "AbortError");
      assert.deepStrictEqual(simulator.stats().byStatus, { none: 1, "200": 1 });
    }));

  it("hang: ends with the scope", async () => {
    let hanging: Promise<unknown> = Promise.resolve();
    await withSimulator({}, async (simulator) => {
      simulator.faults.add({ kind: "hang" });
      hanging = getRaw(simulator, "/");
      while (simulator.stats().total === 0) await new Promise((resolve) => setImmediate(resolve));
    });
    assert.propertyVal(await hanging, "code", "ECONNRESET");
  });

  it("slow-body: all of it, in many drips", () =>
    withFault({ kind: "slow-body", chunkBytes: 200, everyMs: 1 }, async (simulator, clean) => {
      const { status, bytes, chunks } = await getRaw(simulator, first);
      assert.strictEqual(status, 200);
      assert.strictEqual(bytes.toString(), clean);
      assert.isAbove(chunks, 3);
    }));

  it("oversized-body: all of it, and many blanks", () =>
    withFault({ kind: "oversized-body", mebibytes: 2 }, async (simulator, clean) => {
      const { bytes, status } = await getRaw(simulator, first);
      assert.strictEqual(status, 200);
      assert.strictEqual(bytes.length, Buffer.byteLength(clean) + 2 * 2 ** 20);
      assert.strictEqual(bytes.toString().trimEnd(), clean);
    }));

  it("deep-body: lists in lists, and all the rest", () =>
    withFault({ kind: "deep-body", levels: 3 }, async (simulator, clean) => {
      const { text } = await get(simulator, first);
      assert.include(text, '"nested":[[[]]],');
      assert.strictEqual(text.replace('"nested":[[[]]],', ""), clean);
    }));

  it("empty-body", () =>
    withFault({ kind: "empty-body" }, async (simulator) => {
      const { status, text } = await get(simulator, first);
      assert.deepStrictEqual([status, text], [200, ""]);
    }));

  it("wrong-envelope: data without its list", () =>
    withFault({ kind: "wrong-envelope" }, async (simulator) => {
      const { status, text } = await get(simulator, first);
      assert.strictEqual(status, 200);
      assert.deepStrictEqual(Object.keys((JSON.parse(text) as PageBody).data), ["pagination"]);
    }));

  it("errors-with-200", () =>
    withFault({ kind: "errors-with-200" }, async (simulator) => {
      const { status, text } = await get(simulator, first);
      assert.strictEqual(status, 200);
      assert.deepStrictEqual(Object.keys(JSON.parse(text) as object), ["errors"]);
    }));

  it("revoked-token: 401 for this token until the faults are cleared", () =>
    withSimulator({ workspaces: [{ moreTokens: ["other"] }] }, async (simulator) => {
      simulator.faults.add({ kind: "revoked-token", path: "/" });
      assert.strictEqual((await get(simulator, first)).status, 200);
      for (const asked of ["/", first, "/"]) assert.strictEqual((await get(simulator, asked)).status, 401);
      assert.strictEqual((await get(simulator, "/", { authorization: "Bearer other" })).status, 200);
      simulator.faults.clear();
      assert.strictEqual((await get(simulator, "/")).status, 200);
    }));

  it("redirect", () =>
    withFault({ kind: "redirect", to: "http://192.0.2.1/elsewhere" }, async (simulator) => {
      const { status, headers } = await get(simulator, first);
      assert.deepStrictEqual([status, headers["location"]], [302, "http://192.0.2.1/elsewhere"]);
    }));
});

describe("pages", () => {
  it("repeated-cursor: the page points at itself", () =>
    withFault({ kind: "repeated-cursor", page: 1 }, async (simulator) => {
      const { pages, rows } = await walk(simulator, path, listKey, "2025-02", 10);
      const cursors = pages.map(({ data }) => data.pagination.current);
      assert.strictEqual(cursors[1], cursors[2]);
      assert.strictEqual(rows.length, 84 + 10);
    }));

  it("repeated-cursor: the last page points at the first", () =>
    withFault({ kind: "repeated-cursor", page: "last", to: "first" }, async (simulator) => {
      const { pages } = await walk(simulator, path, listKey, "2025-02", 50);
      assert.deepStrictEqual(
        pages.map(({ data }) => data.pagination.current),
        ["MDow", "MTo1MA==", "MDow", "MTo1MA=="],
      );
    }));

  it("shifted-page: rows come twice, and none is lost", () =>
    withFault({ kind: "shifted-page", rows: 3, page: 2 }, async (simulator, clean) => {
      const id = simulator.workspaces[0]?.id as string;
      const truth = simulator.truth(id, "source-mtu", "2025-02");
      const { rows, pages } = await walk(simulator, path, listKey, "2025-02", 10);
      assert.strictEqual(rows.length, truth.length + 3);
      assert.deepStrictEqual(rows.slice(20, 23), rows.slice(17, 20));
      assert.deepStrictEqual([...rows.slice(0, 20), ...rows.slice(23)] as never, truth as never);
      assert.isTrue(pages.every(({ data }) => data.pagination.totalEntries === truth.length));
      assert.strictEqual(totalOf(clean), truth.length);
    }));

  it("shifted-page: waits for a page that has one before it", () =>
    withSimulator({}, async (simulator) => {
      simulator.faults.add({ kind: "shifted-page" });
      await get(simulator, first);
      assert.strictEqual(simulator.faults.list()[0]?.fired, 0);
      await get(simulator, path + usageQuery("2025-02", 10, "MToxMA=="));
      assert.strictEqual(simulator.faults.list()[0]?.fired, 1);
    }));

  it("dropped-rows: a page cut short, though the total stays", () =>
    withFault({ kind: "dropped-rows", rows: 4 }, async (simulator, clean) => {
      const { text } = await get(simulator, first);
      assert.deepStrictEqual(rowsOf(text), rowsOf(clean).slice(0, 6));
      assert.strictEqual(totalOf(text), 84);
    }));

  it("wrong-total", () =>
    withFault({ kind: "wrong-total", by: -2 }, async (simulator, clean) => {
      const { text } = await get(simulator, first);
      assert.strictEqual(totalOf(text), 82);
      assert.deepStrictEqual(rowsOf(text), rowsOf(clean));
    }));

  it("conflicting-row: one key, one timestamp, two values", () =>
    withFault({ kind: "conflicting-row", row: 4, by: 2 }, async (simulator, clean) => {
      const rows = rowsOf((await get(simulator, first)).text);
      assert.strictEqual(rows.length, 11);
      const [one, other] = rows.slice(4, 6) as [Row, Row];
      assert.deepStrictEqual(one, rowsOf(clean)[4]);
      assert.strictEqual(Number(other["identified"]), Number(one["identified"]) + 2);
      const sum = Number(other["anonymousIdentified"]) + Number(other["neverIdentified"]);
      assert.strictEqual(Number(other["anonymous"]), sum);
      assert.deepStrictEqual([other["sourceId"], other["timestamp"]], [one["sourceId"], one["timestamp"]]);
    }));

  it("second-snapshot: one key, one day, a later time", () =>
    withFault({ kind: "second-snapshot", minutes: 90, counted: "yes" }, async (simulator) => {
      const { text } = await get(simulator, first);
      const [one, other] = rowsOf(text) as [Row, Row];
      assert.strictEqual(other["sourceId"], one["sourceId"]);
      assert.deepStrictEqual([one["timestamp"], other["timestamp"]], ["2025-02-01T00:00:00Z", "2025-02-01T01:30:00Z"]);
      assert.isAbove(Number(other["identified"]), Number(one["identified"]));
      assert.strictEqual(totalOf(text), 85);
    }));

  it("unknown-field: in every row, beside the others", () =>
    withFault({ kind: "unknown-field", name: "seats" }, async (simulator, clean) => {
      const rows = rowsOf((await get(simulator, first)).text);
      assert.deepStrictEqual(
        rows,
        rowsOf(clean).map((row) => ({ ...row, seats: "12.5" })),
      );
    }));

  it("outside-period: a row after the end of the period", () =>
    withFault({ kind: "outside-period", row: 2 }, async (simulator) => {
      const row = rowsOf((await get(simulator, first)).text)[2] as Row;
      assert.isAbove(Date.parse(row["timestamp"] as string) / 1000, Number(row["periodEnd"]));
    }));

  const bad = {
    decimal: ["anonymous", "12.7"],
    text: ["anonymous", "abc"],
    negative: ["anonymous", "-1"],
    null: ["anonymous", null],
    missing: ["anonymous", undefined],
    overflow: ["anonymous", "9223372036854775808"],
    "bad-timestamp": ["timestamp", "2024-13-45T99:00:00Z"],
    "empty-source-id": ["sourceId", ""],
  } as const;
  for (const variant of Object.keys(bad) as ReadonlyArray<keyof typeof bad>) {
    it(`bad-row: ${variant}, in one field of one row`, () =>
      withFault({ kind: "bad-row", variant, row: 3 }, async (simulator, clean) => {
        const rows = rowsOf((await get(simulator, first)).text);
        const [field, value] = bad[variant];
        const expected = rowsOf(clean).map((row, at) => (at === 3 ? { ...row, [field]: value } : row));
        assert.deepStrictEqual(rows, JSON.parse(JSON.stringify(expected)));
      }));
  }

  it("bad-row: in the field asked for, or no row at all", async () => {
    await withFault({ kind: "bad-row", variant: "text", field: "periodEnd" }, async (simulator) => {
      assert.strictEqual(rowsOf((await get(simulator, first)).text)[0]?.["periodEnd"], "abc");
    });
    await withFault({ kind: "bad-row", variant: "not-an-object" }, async (simulator) => {
      assert.strictEqual(rowsOf((await get(simulator, first)).text)[0] as unknown, "row");
    });
  });

  it("bad-row: stays a number literal where counts are numbers", () =>
    withSimulator({ countsAsNumbers: true }, async (simulator) => {
      simulator.faults.add({ kind: "bad-row", variant: "overflow" });
      assert.include((await get(simulator, first)).text, '"anonymous":9223372036854775808');
    }));

  it("can fall upon one page together, in the order of adding", () =>
    withSimulator({}, async (simulator) => {
      simulator.faults.add({ kind: "bad-row", variant: "text", field: "identified" });
      simulator.faults.add({ kind: "bad-row", variant: "bad-timestamp" });
      simulator.faults.add({ kind: "second-snapshot" });
      simulator.faults.add({ kind: "status", status: 500 });
      simulator.faults.add({ kind: "html-502" });
      assert.strictEqual((await get(simulator, first)).status, 500);
      assert.deepStrictEqual(simulator.requests.at(-1)?.faults, ["bad-row", "bad-row", "second-snapshot", "status"]);
      assert.strictEqual((await get(simulator, first)).status, 502);
      assert.strictEqual((await get(simulator, first)).status, 200);
    }));
});

describe("rules", () => {
  it("hit only the path, month, page and workspace that they name", () =>
    withSimulator({ workspaces: [{ sources: 3 }, { token: "b" }] }, async (simulator) => {
      const [a] = simulator.workspaces;
      simulator.faults.add({
        kind: "html-502",
        path,
        month: "2025-02",
        page: 1,
        workspaceId: a?.id as string,
        times: Infinity,
      });
      const second = path + usageQuery("2025-02", 10, "MToxMA==");
      const statuses = [
        (await get(simulator, first)).status,
        (await get(simulator, second)).status,
        (await get(simulator, path + usageQuery("2025-01", 10, "MToxMA=="))).status,
        (await get(simulator, datasets["source-api-calls"].path + usageQuery("2025-02", 10, "MToxMA=="))).status,
        (await get(simulator, second, { authorization: "Bearer b" })).status,
        (await get(simulator, second)).status,
      ];
      assert.deepStrictEqual(statuses, [200, 502, 200, 200, 200, 502]);
    }));

  it("of pages leave other answers alone, and are not spent on them", () =>
    withSimulator({}, async (simulator) => {
      simulator.faults.add({ kind: "dropped-rows" });
      simulator.faults.add({ kind: "bad-row" });
      assert.strictEqual((await get(simulator, "/")).status, 200);
      assert.deepStrictEqual(
        simulator.faults.list().map(({ fired }) => fired),
        [0, 0],
      );
      await get(simulator, "/sources?pagination.count=5");
      assert.deepStrictEqual(
        simulator.faults.list().map(({ fired }) => fired),
        [1, 0],
      );
    }));

  it("are not spent on requests that are refused anyway", () =>
    withSimulator({}, async (simulator) => {
      simulator.faults.add({ kind: "html-502" });
      await get(simulator, path);
      await get(simulator, "/", { authorization: "Bearer wrong" });
      assert.strictEqual(simulator.faults.list()[0]?.fired, 0);
    }));

  it("fire by chance, the same way for the same seed", async () => {
    const word = async (seed: number) => {
      let statuses = "";
      await withSimulator({ seed }, async (simulator) => {
        simulator.faults.add({ kind: "html-502", probability: 0.3, times: Infinity });
        for (let time = 0; time < 60; time++) statuses += (await get(simulator, "/")).status === 502 ? "x" : ".";
      });
      return statuses;
    };
    const one = await word(1);
    assert.strictEqual(one, await word(1));
    assert.notStrictEqual(one, await word(2));
    assert.isTrue(one.includes("x") && one.includes("."));
  });

  it("are refused when they are none", () =>
    withSimulator({}, async (simulator) => {
      assert.throws(() => simulator.faults.add({ kind: "explode" } as never), /explode/);
      assert.throws(() => simulator.faults.add({ kind: "reset", times: 0 }), /Infinity/);
      assert.deepStrictEqual(simulator.faults.list(), []);
    }));
});
