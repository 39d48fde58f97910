// @hogflags/edge: PostHog feature flags, evaluated where the code runs.

import { wasi } from "./wasi.js";

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const runtimes = { server: 0, client: 1, unknown: 2 };
const keptInput = 64 << 10; // as in wasm/main.go

/** An evaluator: one instance of the WebAssembly module, in which Go's runtime has started when it was built. */
export class Evaluator {
  #wasm;
  #output;
  #views = { buffer: undefined, bytes: undefined, words: undefined };
  #input = { at: 0, size: 0 };
  #broken = null;

  /** @param {WebAssembly.Module} module */
  constructor(module) {
    const instance = new WebAssembly.Instance(module, {
      wasi_snapshot_preview1: wasi(() => instance.exports.memory),
    });
    this.#wasm = instance.exports;
    this.#output = this.#wasm.output() >>> 0;
  }

  /**
   * @param {string | Uint8Array | ArrayBuffer | object} definitions
   * @param {{ timeZone?: string }} [options]
   */
  load(definitions, options = {}) {
    const document = bytesOf(definitions);
    const zone = encoder.encode(options.timeZone ?? "");
    const start = this.#room(zone.length + document.length);
    const memory = this.#memory().bytes;
    memory.set(zone, start);
    memory.set(document, start + zone.length);
    this.#input.size = 0; // the evaluator drops it
    this.#call("reseed"); // here, because secure randomness may be had in a request alone
    const handle = this.#call("load", zone.length, document.length);
    const { text } = this.#result();
    if (handle === 0) throw new Error(`@hogflags/edge: load definitions: ${text}`);
    return new Flags(this.#access, handle, JSON.parse(text));
  }

  /** It has crashed, which it should not: make another. */
  get broken() {
    return this.#broken !== null;
  }

  /** How much memory the evaluator has taken, in bytes. It never shrinks. */
  get memoryBytes() {
    return this.#wasm.memory.buffer.byteLength;
  }

  #access = {
    evaluate: (handle, ask) => this.#ask("evaluate", handle, ask),
    explain: (handle, ask) => this.#ask("explain", handle, ask).text,
    unload: (handle) => {
      this.#call("unload", handle);
      this.#call("collect");
    },
  };

  #ask(call, handle, { flags, frame, subject, now, runtime }) {
    const numbers = flags === undefined ? 0 : flags.length;
    // A character takes at most three bytes.
    const most = 4 * numbers + 3 * frame.length + (typeof subject === "string" ? 3 : 1) * subject.length;
    const start = this.#room(most);
    const { bytes, words } = this.#memory();
    for (let i = 0; i < numbers; i++) words[start / 4 + i] = flags[i];
    const frameSize = put(frame, bytes, start + 4 * numbers, 3 * frame.length);
    const subjectSize = put(subject, bytes, start + 4 * numbers + frameSize, most - 4 * numbers - frameSize);
    if (most > keptInput) this.#input.size = 0; // the evaluator drops it
    const ok = this.#call(call, handle, flags === undefined ? -1 : numbers, frameSize, subjectSize, now, runtime);
    const result = this.#result();
    if (ok === 0) throw new Error(`@hogflags/edge: ${result.text}`);
    return result;
  }

  // Whoever crashed is not asked again: half a step may have been taken.
  #call(name, ...args) {
    if (this.#broken !== null) throw new Error("@hogflags/edge: the evaluator has crashed; make another", { cause: this.#broken });
    try {
      return this.#wasm[name](...args);
    } catch (error) {
      this.#broken = error;
      throw new Error("@hogflags/edge: the evaluator crashed", { cause: error });
    }
  }

  #room(size) {
    if (size > this.#input.size) {
      this.#input.at = this.#call("input", size) >>> 0;
      this.#input.size = Math.max(size, keptInput);
    }
    return this.#input.at;
  }

  // A memory that grows gets another buffer.
  #memory() {
    const { buffer } = this.#wasm.memory;
    if (this.#views.buffer !== buffer) {
      this.#views = { buffer, bytes: new Uint8Array(buffer), words: new Uint32Array(buffer) };
    }
    return this.#views;
  }

  #result() {
    const { bytes, words } = this.#memory();
    const at = this.#output / 4;
    const [numbers, count, text, size] = [words[at], words[at + 1], words[at + 2], words[at + 3]];
    return {
      numbers: words.subarray(numbers / 4, numbers / 4 + count),
      text: size === 0 ? "" : decoder.decode(bytes.subarray(text, text + size)),
    };
  }
}

/** The flags of one definitions document, compiled. */
class Flags {
  #access;
  #handle;
  #catalog;
  #numbers = new Map(); // key -> number of the flag
  #known = []; // number of an answer -> the answer

  constructor(access, handle, catalog) {
    this.#access = access;
    this.#handle = handle;
    this.#catalog = Object.freeze(catalog);
    catalog.flags.forEach((flag, i) => {
      this.#numbers.set(flag.key, i);
    });
  }

  get keys() {
    return this.#catalog.flags.map((flag) => flag.key);
  }

  get catalog() {
    return this.#catalog;
  }

  catalogFlag(key) {
    return this.#catalog.flags[this.#numbers.get(key)];
  }

  evaluate(key, subject, options = {}) {
    const flag = this.#numbers.get(key);
    if (flag === undefined) return notFound(key);
    return this.#answers(this.#question(subject, options, [flag]))[0];
  }

  evaluateAll(subject, options = {}) {
    let flags;
    let unknown = [];
    if (options.keys !== undefined) {
      flags = [];
      for (const key of options.keys) {
        const flag = this.#numbers.get(key);
        if (flag === undefined) unknown.push(notFound(key));
        else flags.push(flag);
      }
    }
    const answers = this.#answers(this.#question(subject, options, flags));
    return unknown.length === 0 ? answers : answers.concat(unknown);
  }

  explain(key, subject, options = {}) {
    const flag = this.#numbers.get(key);
    if (flag === undefined) return null;
    return JSON.parse(this.#access.explain(this.#alive(), this.#question(subject, options, [flag])));
  }

  free() {
    if (this.#handle === 0) return;
    this.#access.unload(this.#handle);
    this.#handle = 0;
    this.#known = [];
  }

  #alive() {
    if (this.#handle === 0) throw new Error("@hogflags/edge: these flags have been freed; evaluate those that were loaded last");
    return this.#handle;
  }

  #question(subject, options, flags) {
    const runtime = runtimes[options.runtime ?? "server"];
    if (runtime === undefined) throw new TypeError(`@hogflags/edge: runtime is ${JSON.stringify(options.runtime)}; want "server", "client" or "unknown"`);
    const now = Number(options.now ?? Date.now());
    if (!Number.isFinite(now)) throw new TypeError("@hogflags/edge: now is not a time");
    const { complete, contexts } = options;
    return {
      flags,
      frame: complete === undefined && contexts === undefined ? "" : JSON.stringify({ complete, contexts }),
      subject: typeof subject === "string" || subject instanceof Uint8Array ? subject : subjectText(subject),
      now,
      runtime,
    };
  }

  #answers(question) {
    const { numbers, text } = this.#access.evaluate(this.#alive(), question);
    const told = text === "" ? [] : JSON.parse(text);
    const answers = new Array(numbers.length);
    for (let i = 0, next = 0; i < numbers.length; i++) {
      const number = numbers[i];
      if (number === 0) {
        answers[i] = answerOf(told[next++]);
        continue;
      }
      if (this.#known[number] === undefined) this.#known[number] = answerOf(told[next++]);
      answers[i] = this.#known[number];
    }
    return answers;
  }
}

function answerOf({ number, ...answer }) {
  for (const missing of answer.missing) Object.freeze(missing);
  Object.freeze(answer.missing);
  return Object.freeze(answer);
}

function notFound(key) {
  return answerOf({
    key, status: "not found", enabled: false, value: null, variant: null, payload: null, payloadKnown: false, reason: null,
    description: "", conditionIndex: null, id: 0, version: 0, hasExperiment: false, missing: [],
  });
}

function subjectText(subject) {
  return JSON.stringify({
    distinct_id: subject.distinctId,
    device_id: subject.deviceId,
    groups: subject.groups,
    person_properties: subject.personProperties,
    group_properties: subject.groupProperties,
  });
}

function put(text, bytes, start, room) {
  if (typeof text === "string") return encoder.encodeInto(text, bytes.subarray(start, start + room)).written;
  bytes.set(text, start);
  return text.length;
}

function bytesOf(definitions) {
  if (typeof definitions === "string") return encoder.encode(definitions);
  if (definitions instanceof Uint8Array) return definitions;
  if (definitions instanceof ArrayBuffer) return new Uint8Array(definitions);
  return encoder.encode(JSON.stringify(definitions));
}
