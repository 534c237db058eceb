/** The one error of this package's boundary. */
import * as Schema from "effect/Schema";

/**
 * A simulator that could not be set up.
 * Retry: only `listen` may succeed later, once the port is free; `configure` never does.
 */
export class SimulatorError extends Schema.TaggedError<SimulatorError>()("SimulatorError", {
  /** What was being done. */
  operation: Schema.Literals(["configure", "listen"]),
  /** What to change. */
  hint: Schema.String,
  cause: Schema.optionalKey(Schema.Defect()),
}) {
  override get message(): string {
    return `${this.operation}: ${this.hint}`;
  }
}
