/**
 * The pipelines as effects, for tests and for programs that embed them; the command line is in `cli/`.
 */
export { type CaptureRunRequest, type CaptureRunResult, runCapture } from "./CaptureRun.ts";
export { holderOf, lockDataDirectory } from "./DataLock.ts";
export { rebuildDirectory } from "./Rebuild.ts";
export { readRejects, rejectFiles } from "./RejectFiles.ts";
export { openExistingSinks, openSinks, type SinkRequest } from "./Sinks.ts";
export { openSinkThread } from "./SinkThread.ts";
export { openToVerify, verifyDirectory } from "./VerifyDirectory.ts";
export { version } from "./Version.ts";
