import { assert, describe, it } from "@effect/vitest";
import { Name } from "../src/index.ts";

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
