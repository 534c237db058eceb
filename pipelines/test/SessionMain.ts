/** The process of a session: carries out one command after the other, and sends what each said and its exit code. */
import * as NodeServices from "@effect/platform-node/NodeServices";
import * as ConfigProvider from "effect/ConfigProvider";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { enableCompileCache } from "node:module";
import type { Environment } from "./Command.ts";

enableCompileCache();
const { main } = await import("../src/cli/Main.ts");

interface Asked {
  readonly args: ReadonlyArray<string>;
  readonly env: Environment;
  readonly cwd?: string;
}

let said = { stdout: "", stderr: "" };
for (const name of ["stdout", "stderr"] as const) {
  process[name].write = (text: string | Uint8Array, ...rest: ReadonlyArray<unknown>): boolean => {
    said[name] += String(text);
    const done = rest.find((one): one is () => void => typeof one === "function");
    done?.();
    return true;
  };
}

process.on("message", ({ args, cwd, env }: Asked) => {
  if (cwd !== undefined) process.chdir(cwd);
  said = { stdout: "", stderr: "" };
  // By default the environment is read once.
  const config = ConfigProvider.layer(
    ConfigProvider.fromEnv({ env: { ...process.env, ...env } as Record<string, string> }),
  );
  const command = Effect.provide(main(args), Layer.mergeAll(NodeServices.layer, config));
  void Effect.runPromise(command)
    .catch(String)
    .then((code) => process.send!({ code, ...said }));
});
