/**
 * The flow: plan → extract → normalise → reconcile → revise → load. Knows the service and the domain, and no store.
 */
export { type CaptureContext, capturePartition, type CaptureResult, type FatalError } from "./CapturePartition.ts";
export { type FlowEvent, Listener, type UnknownField } from "./Event.ts";
export { defaults, type FlowConfig } from "./FlowConfig.ts";
export { FlowError } from "./FlowError.ts";
export { isLevelIn, level, levelBooks, partiesOf, type Party } from "./Level.ts";
export { differenceOf, type FigureChange, type Restatement } from "./Restate.ts";
export { plan, type Plan, type PlanRequest, type Task } from "./Plan.ts";
export { readSources } from "./ReadNames.ts";
export { type Reject, Rejects } from "./Rejects.ts";
export { type Findings, makeFindings, makeProgress, type Progress, runPlan, tellFindings } from "./RunPlan.ts";
export { nightlyTargets, rangeTargets, type Target } from "./Target.ts";
export { mirror } from "./Mirror.ts";
export { recheck, type Rechecked } from "./Recheck.ts";
export { repair, type Repaired } from "./Repair.ts";
export { type Problem, type ProblemKind, type Verified, verify } from "./Verify.ts";
