/**
 * The flow: plan → extract → normalise → reconcile → revise → load. Knows the service and the domain, and no store.
 */
export { type CaptureContext, capturePartition, type CaptureResult, type FatalError } from "./CapturePartition.ts";
export { type FlowEvent, Listener } from "./Event.ts";
export { defaults, type FlowConfig } from "./FlowConfig.ts";
export { FlowError } from "./FlowError.ts";
export { plan, type Plan, type PlanRequest, type Task } from "./Plan.ts";
export { readSources } from "./ReadNames.ts";
export { type Reject, Rejects } from "./Rejects.ts";
export { makeProgress, type Progress, runPlan } from "./RunPlan.ts";
