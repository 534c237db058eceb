import { assert, describe, it } from "@effect/vitest";
import { companionOf, datasetNames, datasetOf, datasets, isDatasetName, usageTables } from "../src/index.ts";

describe("datasets", () => {
  it("are the four of the command line, a workspace's before those of its sources", () => {
    assert.deepStrictEqual(datasetNames, ["workspace-mtu", "workspace-api-calls", "source-mtu", "source-api-calls"]);
    const levels = datasets.map(({ level }) => level);
    assert.deepStrictEqual(levels, levels.toSorted().toReversed());
  });

  it("have a table each, which is named after them", () => {
    for (const { name, table } of datasets) {
      assert.strictEqual(table, `${name.replaceAll("-", "_")}_daily`);
      assert.strictEqual(usageTables[table].name, table);
    }
    assert.deepStrictEqual(datasets.map(({ table }) => table).sort(), Object.keys(usageTables).sort());
  });

  it("are found by name", () => {
    for (const dataset of datasets) assert.strictEqual(datasetOf(dataset.name), dataset);
  });

  it("have a companion on the level of the workspace, unless they are there themselves", () => {
    assert.deepStrictEqual(
      datasetNames.map((name) => companionOf(name)),
      [undefined, undefined, "workspace-mtu", "workspace-api-calls"],
    );
  });

  it.each(["", "mtu", "Workspace-MTU", "workspace_mtu", "workspace-mtu ", "toString", "__proto__"])(
    "do not include %j",
    (name) => assert.isFalse(isDatasetName(name)),
  );
});
