/** A local Segment Public API over made-up data, with faults on demand. */
export { type Dataset, datasetNames, datasets, type DatasetShape } from "./Dataset.ts";
export { type FaultKind, faultKinds, type FaultRule, FaultSyntaxError, parseFault } from "./Fault.ts";
export type { FaultControl } from "./FaultBox.ts";
export type { RequestEntry, RequestStats } from "./RequestLog.ts";
export type { Restatement } from "./Restatement.ts";
export { startSimulator, type SimulatedWorkspace, type Simulator } from "./Simulator.ts";
export { resolveConfig, SimulatorConfig, type SimulatorOptions } from "./SimulatorConfig.ts";
export { SimulatorError } from "./SimulatorError.ts";
export type { ApiCallsRow, MtuRow, RowOf, SourceApiCallsRow, SourceMtuRow, UsageRow } from "./UsageRows.ts";
export { canary, type WireSource } from "./Workspace.ts";
