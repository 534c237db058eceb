/** The part of fs-native-extensions 1.5 that the lock uses; the package brings no types. */
declare module "fs-native-extensions" {
  const extensions: {
    /** Locks the whole file for this handle, if nobody else has: an open file description lock, which ends with the process. */
    readonly tryLock: (fd: number) => boolean;
  };
  export default extensions;
}
