/** What tests use of it. */
export declare const bundleDirectory: string;
export declare const sessionEntry: string;
export declare const threadEntry: string;
export declare const isBundleFresh: () => boolean;
