/**
 * The pipelines as effects, for tests and for programs that embed them; the command line is in `cli/`.
 */
export { type CaptureRunRequest, type CaptureRunResult, runCapture } from "./CaptureRun.ts";
export { rejectFiles } from "./RejectFiles.ts";
export { openExistingSinks, openSinks, type SinkRequest } from "./Sinks.ts";
export { version } from "./Version.ts";
