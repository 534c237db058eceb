/** The floor: undici and `JSON.parse` alone over the same pages, side by side; what is read is counted and let go. */
import { Pool } from "undici";
import { partitions, paths, task } from "./Walk.ts";

const given = task();
const pool = new Pool(given.url, { connections: given.concurrency });
const headers = { authorization: `Bearer ${given.token}` };
const left = [...partitions(given)];
let rows = 0;

const work = async (): Promise<void> => {
  for (let next = left.shift(); next !== undefined; next = left.shift()) {
    const [dataset, month] = next;
    const [path, list] = paths[dataset]!;
    for (let cursor: string | undefined = ""; cursor !== undefined;) {
      const query = new URLSearchParams({ period: `${month}-01`, "pagination.count": "1000" });
      if (cursor !== "") query.set("pagination.cursor", cursor);
      const { body } = await pool.request({ method: "GET", path: `${path}?${query}`, headers });
      const { data } = JSON.parse(await body.text());
      rows += data[list].length;
      cursor = data.pagination.next ?? undefined;
    }
  }
};
await Promise.all(Array.from({ length: given.concurrency }, work));
await pool.close();
process.stdout.write(`${rows}\n`);
