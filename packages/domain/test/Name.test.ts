import { assert, describe, it } from "@effect/vitest";
import { Instant, Name } from "../src/index.ts";
import { inEachZone } from "./Zones.ts";

const workspace = { id: "w1", slug: "acme", name: "Acme" };
const source = (id: string, name: string): Name.Source => ({
  id,
  slug: `${id}-slug`,
  name,
  type: "javascript",
  enabled: true,
  labels: [{ key: "env", value: "prod" }],
});
const seen = (seenAt: number, ...sources: ReadonlyArray<Name.Source>): Name.Names => ({
  workspace,
  sources,
  seenAt,
});

describe("the workspace's row", () => {
  it("keeps when it was first seen, and takes on the newest name", () => {
    const first = Name.workspaceRow(seen(10), undefined);
    assert.deepStrictEqual(first, { ...workspace, first_seen: 10, last_seen: 10 });
    const renamed = {
      ...seen(20),
      workspace: { ...workspace, name: "Acme Inc", slug: "acme-inc" },
    };
    assert.deepStrictEqual(Name.workspaceRow(renamed, first), {
      id: "w1",
      slug: "acme-inc",
      name: "Acme Inc",
      first_seen: 10,
      last_seen: 20,
    });
  });
});

const day = Instant.microsPerDay;

describe("names seen again", () => {
  const noon = 100 * day + day / 2;
  const first = Name.sourceRows(seen(noon, source("a", "A")), []);
  const workspaceRow = Name.workspaceRow(seen(noon), undefined);

  it("leave the rows as they are on the same day in UTC, to the last microsecond", () => {
    inEachZone(() => {
      for (const later of [noon, noon + 1, 101 * day - 1]) {
        assert.strictEqual(Name.workspaceRow(seen(later), workspaceRow), workspaceRow);
        assert.strictEqual(Name.sourceRows(seen(later, source("a", "A")), first)[0], first[0]);
      }
    });
  });

  it("are seen last on the next day", () => {
    const next = 101 * day;
    assert.deepStrictEqual(Name.workspaceRow(seen(next), workspaceRow), { ...workspaceRow, last_seen: next });
    assert.deepStrictEqual(Name.sourceRows(seen(next, source("a", "A")), first), [{ ...first[0]!, last_seen: next }]);
  });

  it("are written down at once when they say something new", () => {
    const renamed = { ...seen(noon + 1), workspace: { ...workspace, name: "Other" } };
    assert.deepStrictEqual(Name.workspaceRow(renamed, workspaceRow), {
      ...workspaceRow,
      name: "Other",
      last_seen: noon + 1,
    });
    const changes: ReadonlyArray<Partial<Name.Source>> = [
      { name: "B" },
      { slug: "b" },
      { type: "server" },
      { enabled: false },
      { labels: [] },
    ];
    for (const change of changes) {
      const [row] = Name.sourceRows(seen(noon + 1, { ...source("a", "A"), ...change }), first);
      assert.strictEqual(row!.last_seen, noon + 1, JSON.stringify(change));
      assert.strictEqual(row!.first_seen, noon);
    }
  });

  it("keep the first moment and the last, though the clock goes back", () => {
    const earlier = noon - day;
    assert.deepStrictEqual(Name.workspaceRow(seen(earlier), workspaceRow), { ...workspaceRow, first_seen: earlier });
    const [row] = Name.sourceRows(seen(earlier, source("a", "B")), first);
    assert.deepStrictEqual([row!.name, row!.first_seen, row!.last_seen], ["B", earlier, noon]);
  });
});

describe("the sources' rows", () => {
  const first = Name.sourceRows(seen(10, source("b", "B"), source("a", "A")), []);

  it("are in the order of the ids", () => {
    assert.deepStrictEqual(
      first.map(({ id }) => id),
      ["a", "b"],
    );
    assert.deepStrictEqual(first[0], {
      id: "a",
      slug: "a-slug",
      name: "A",
      type: "javascript",
      enabled: true,
      labels: '[{"key":"env","value":"prod"}]',
      first_seen: 10,
      last_seen: 10,
    });
  });

  it("keep sources that are gone, renew those that stay, and add new ones", () => {
    const second = Name.sourceRows(seen(20, source("c", "C"), { ...source("a", "A2"), enabled: false }), first);
    assert.deepStrictEqual(
      second.map(({ enabled, first_seen, id, last_seen, name }) => [id, name, enabled, first_seen, last_seen]),
      [
        ["a", "A2", false, 10, 20],
        ["b", "B", true, 10, 10],
        ["c", "C", true, 20, 20],
      ],
    );
  });

  it("stay as they are when no sources could be read", () =>
    assert.deepStrictEqual(Name.sourceRows(seen(20), first), first));

  it("take no field that is not listed", () => {
    const talkative = { ...source("a", "A"), writeKeys: ["secret-key"], settings: { k: "secret" } };
    assert.notInclude(JSON.stringify(Name.sourceRows(seen(10, talkative), [])), "secret");
  });
});
