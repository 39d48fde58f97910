// Keeps the flags of what a KV namespace holds, from one request to the next.

import { compare, decode, headOf, keyOf, scopeOf } from "./entry.js";
import { Evaluator } from "./index.js";

const soon = 30; // seconds; older than this, KV is read again while the request is answered
const late = 10; // times that; older than this, the request waits for it
const patience = 2_000; // ms; how long it waits if there is something to answer from
const again = 1_000; // ms; between two tries that fail

export class Keeper {
  #module;
  #evaluator;
  #current = null; // { flags, head }
  #readAt = -Infinity;
  #failedAt = -Infinity;
  #reading = null;
  #complaint = "";

  constructor(module) {
    this.#module = module;
    this.#evaluator = new Evaluator(module);
  }

  get evaluator() {
    return this.#evaluator;
  }

  /** The flags to answer from, or null. The next read may free them: use them at once, and not after waiting. */
  get flags() {
    return this.#current?.flags ?? null;
  }

  /**
   * Waits until there are flags as current as they should be, or they cannot be had.
   * An isolate may sleep for hours between two requests: what it read before then is
   * not answered from.
   */
  async ready(config, context) {
    if (this.#evaluator.broken) this.#renew();
    const now = Date.now();
    const age = now - this.#readAt;
    const due = 1000 * (config.refreshSeconds ?? soon);
    if (now - this.#failedAt < again || (this.#current !== null && age <= due)) return;
    const read = this.#read(config);
    if (this.#current === null) await read;
    else if (age > late * due) await Promise.race([read, new Promise((resolve) => setTimeout(resolve, patience))]);
    context.waitUntil(read);
  }

  #renew() {
    this.#evaluator = new Evaluator(this.#module);
    this.#current = null;
  }

  #read(config) {
    const began = Date.now(); // the isolate may sleep before it ends
    this.#reading ??= this.#load(config).then(
      () => {
        this.#readAt = began;
        this.#complaint = "";
      },
      (error) => {
        this.#failedAt = Date.now();
        // Once per cause: the next try is a second away.
        if (this.#complaint !== error.message) console.error(`@hogflags/edge: ${error.message}`);
        this.#complaint = error.message;
      },
    ).finally(() => {
      this.#reading = null;
    });
    return this.#reading;
  }

  async #load({ kv, projectToken, host, timeZone }) {
    const { value, metadata } = await kv.getWithMetadata(keyOf(projectToken), { type: "stream" });
    if (value === null) throw new Error("the KV namespace holds no definitions of the project: run the writer");
    const head = headOf(metadata);
    const unread = (why) => {
      void value.cancel();
      if (why !== undefined) throw new Error(why);
    };
    if (head !== null && head.scope !== (await scopeOf(projectToken, host))) {
      return unread("the stored definitions are of another project or host");
    }
    const held = this.#current?.head; // now: it may have been given up while this waited
    // KV may answer with what was there a minute ago.
    if (held && head === null) return unread("a document that hogflags did not write does not replace one that it wrote");
    if (held && compare(head, held) < 0) return unread();
    if (held && head.revision === held.revision) {
      this.#current = { ...this.#current, head };
      return unread();
    }
    let body = new Uint8Array(await new Response(value).arrayBuffer());
    if (head !== null) body = await decode(body, head);
    const flags = this.#evaluator.load(body, { timeZone });
    this.#current?.flags.free();
    this.#current = { flags, head };
  }
}
