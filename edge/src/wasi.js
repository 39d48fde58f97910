// The system calls that Go's runtime imports. There is a clock, randomness, and
// somewhere to write what a crash has to say; there are no files, arguments or
// environment.

const success = 0;
const badFile = 8; // EBADF
const notSupported = 52; // ENOSYS

/**
 * @param {() => WebAssembly.Memory} memory
 * @returns {WebAssembly.ModuleImports}
 */
export function wasi(memory) {
  const view = () => new DataView(memory().buffer);
  const none = (...addresses) => {
    for (const address of addresses) view().setUint32(address, 0, true);
    return success;
  };
  let latest = 1;
  // Some edge runtimes stop their clocks, at global scope at zero, which Go's
  // runtime takes for a broken one.
  const monotonic = () => {
    latest = Math.max(latest + 0.001, typeof performance === "object" ? performance.now() : Date.now());
    return latest;
  };
  const calls = {
    args_get: () => success,
    args_sizes_get: none,
    environ_get: () => success,
    environ_sizes_get: none,
    clock_time_get(clock, _precision, result) {
      const milliseconds = clock === 0 ? Date.now() : monotonic();
      view().setBigUint64(result, BigInt(Math.round(milliseconds * 1e6)), true);
      return success;
    },
    random_get(start, length) {
      fillRandom(new Uint8Array(memory().buffer, start, length));
      return success;
    },
    sched_yield: () => success,
    poll_oneoff(_subscriptions, _events, _count, result) {
      // Nothing here waits; a runtime that wants to may look again.
      view().setUint32(result, 0, true);
      return success;
    },
    proc_exit(code) {
      throw new Error(`@hogflags/edge: the evaluator ended with code ${code}`);
    },
    fd_write(file, vectors, count, result) {
      if (file !== 1 && file !== 2) return badFile;
      let text = "";
      let size = 0;
      for (let i = 0; i < count; i++) {
        const start = view().getUint32(vectors + 8 * i, true);
        const length = view().getUint32(vectors + 8 * i + 4, true);
        text += new TextDecoder().decode(new Uint8Array(memory().buffer, start, length));
        size += length;
      }
      if (text.trim() !== "") console.error(text.trimEnd());
      view().setUint32(result, size, true);
      return success;
    },
    fd_prestat_get: () => badFile,
    fd_prestat_dir_name: () => badFile,
    fd_fdstat_get: () => badFile,
    fd_close: () => badFile,
    fd_read: () => badFile,
  };
  return new Proxy(calls, { get: (known, name) => known[name] ?? (() => notSupported) });
}

// The runtime seeds its hash tables. Some edge runtimes have no secure randomness
// outside of a request, and an evaluator may be made there.
function fillRandom(bytes) {
  try {
    for (let i = 0; i < bytes.length; i += 65536) crypto.getRandomValues(bytes.subarray(i, i + 65536));
  } catch {
    for (let i = 0; i < bytes.length; i++) bytes[i] = Math.random() * 256;
  }
}
