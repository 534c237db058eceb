#!/usr/bin/env node
/**
 * `segmeter` in a checkout: the built program where it is what the sources say, else the sources themselves.
 */
import { bundledEntry, isBundleFresh, sourceEntry } from "./BuiltProgram.js";

await import(isBundleFresh() ? bundledEntry : sourceEntry);
