// Starts a module once, and writes it down as it stands then: node snapshot.mjs
// FILE. The Go runtime and every package are initialised already where the result
// is instantiated, so it has no _initialize. What it was started with is the same
// each time, and so is the result; the reseed export makes up for that.
import { readFileSync, writeFileSync } from "node:fs";

import { wasi } from "./src/wasi.js";

const file = process.argv[2];
const sectionID = { memory: 5, global: 6, export: 7, data: 11 };
const i32 = 0x7f;
const gap = 64; // bytes of zero that cost less to store than to leave out

const sections = read(readFileSync(file));
const globals = readGlobals(section("global"));
const { memory } = started();
section("memory").body = vector([[0x00, ...unsigned(memory.buffer.byteLength >> 16)]]); // no maximum
section("global").body = vector(globals.map(globalOf));
section("export").body = vector(readExports(section("export")).filter((e) => e.name !== "_initialize").map((e) => e.bytes));
section("data").body = Buffer.concat(segments(Buffer.from(memory.buffer)));
writeFileSync(file, write(sections));

/** The exports of an instance that has been initialised. The values of its globals are noted. */
function started() {
  const exported = readExports(section("export")).map((e) => e.bytes);
  globals.forEach((_, i) => exported.push([...text(`global ${i}`), 0x03, ...unsigned(i)]));
  const open = sections.map((s) => (s.id === sectionID.export ? { ...s, body: vector(exported) } : s));
  const calls = wasi(() => exports.memory);
  const fixed = {
    clock_time_get: (_clock, _precision, result) => {
      new DataView(exports.memory.buffer).setBigUint64(result, 1n, true);
      return 0;
    },
    random_get: (start, length) => {
      new Uint8Array(exports.memory.buffer, start, length).fill(1);
      return 0;
    },
  };
  const imports = new Proxy(calls, { get: (known, name) => fixed[name] ?? known[name] });
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(write(open)), { wasi_snapshot_preview1: imports });
  exports._initialize();
  globals.forEach((g, i) => {
    g.value = exports[`global ${i}`].value;
  });
  return exports;
}

function section(name) {
  return sections.find((s) => s.id === sectionID[name]);
}

/** The sections of a module; names and other custom ones are left out. */
function read(bytes) {
  const found = [];
  for (let at = 8; at < bytes.length;) {
    const id = bytes[at];
    const [size, start] = number(bytes, at + 1);
    at = start + size;
    if (id !== 0) found.push({ id, body: bytes.subarray(start, at) });
  }
  return found;
}

function write(list) {
  return Buffer.concat([Buffer.from("\0asm\x01\0\0\0", "latin1"), ...list.flatMap((s) => [Buffer.from([s.id, ...unsigned(s.body.length)]), s.body])]);
}

/** Types of the globals, each of which has to be a variable that starts as a number. */
function readGlobals({ body }) {
  const found = [];
  for (let [count, at] = number(body, 0); count > 0; count--) {
    const type = body[at];
    const [, end] = number(body, at + 3); // the number is not needed, but where it ends
    if (body[at + 1] !== 1 || body[at + 2] !== (type === i32 ? 0x41 : 0x42) || body[end] !== 0x0b) throw new Error("a global is not a variable that starts as a number");
    found.push({ type });
    at = end + 1;
  }
  return found;
}

function globalOf({ type, value }) {
  return [type, 1, type === i32 ? 0x41 : 0x42, ...signed(BigInt(value)), 0x0b];
}

function readExports({ body }) {
  const found = [];
  for (let [count, at] = number(body, 0); count > 0; count--) {
    const [length, start] = number(body, at);
    const [, end] = number(body, start + length + 1);
    found.push({ name: body.toString("utf8", start, start + length), bytes: body.subarray(at, end) });
    at = end;
  }
  return found;
}

/** What of the memory is not zero, as the body of a data section. */
function segments(bytes) {
  const parts = [];
  let count = 0;
  for (let start = next(bytes, 0); start < bytes.length;) {
    let end = start;
    let zeros = 0;
    for (let at = start; at < bytes.length && zeros < gap; at++) {
      if (bytes[at] === 0) zeros++;
      else [end, zeros] = [at + 1, 0];
    }
    parts.push(Buffer.from([0x00, 0x41, ...signed(BigInt(start)), 0x0b, ...unsigned(end - start)]), bytes.subarray(start, end));
    count++;
    start = next(bytes, end);
  }
  return [Buffer.from(unsigned(count)), ...parts];
}

function next(bytes, at) {
  while (at < bytes.length && bytes[at] === 0) at++;
  return at;
}

function vector(items) {
  return Buffer.concat([Buffer.from(unsigned(items.length)), ...items.map((item) => Buffer.from(item))]);
}

function text(s) {
  return [...unsigned(s.length), ...Buffer.from(s)];
}

/** An unsigned LEB128 number, and where it ends. */
function number(bytes, at) {
  let value = 0;
  for (let factor = 1; ; factor *= 128) {
    const byte = bytes[at++];
    value += (byte & 127) * factor;
    if (byte < 128) return [value, at];
  }
}

function unsigned(value) {
  const bytes = [];
  for (; value > 127; value >>>= 7) bytes.push((value & 127) | 128);
  return [...bytes, value];
}

function signed(value) {
  const bytes = [];
  for (;;) {
    const byte = Number(value & 127n);
    value >>= 7n;
    if ((value === 0n && byte < 64) || (value === -1n && byte >= 64)) return [...bytes, byte];
    bytes.push(byte | 128);
  }
}
