/** What a property may be: anything that JSON has. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json | undefined };

/** Who is asked about. What is absent is none, or not known. */
export interface Subject {
  distinctId: string;
  /** What flags that are bucketed by device hash. */
  deviceId?: string;
  /** Group type to group key. The subject is in these groups and in no others. */
  groups?: { readonly [groupType: string]: string | number };
  /** Those that are known. PostHog may have others stored, unless `complete` says "person". */
  personProperties?: { readonly [key: string]: Json | undefined };
  /** Known properties of each group, by group type. */
  groupProperties?: { readonly [groupType: string]: { readonly [key: string]: Json | undefined } };
}

/**
 * The same as JSON: `distinct_id`, `device_id`, `groups`, `person_properties`,
 * `group_properties`, as in the body of `POST /flags`; other members are passed
 * over. Numbers keep their written form this way: to PostHog, 1.0 is not 1.
 */
export type SubjectJson = string | Uint8Array;

export interface Options {
  /** The time of the evaluation, in milliseconds or as a Date. Default: `Date.now()`. */
  now?: number | Date;
  /** For which runtime. Flags for another are not found. Default: "server". */
  runtime?: "server" | "client" | "unknown";
  /** The evaluation contexts. A flag that is restricted to others is not found. Default: none, which restricts nothing. */
  contexts?: readonly string[];
  /** What is given whole, so that an absent property does not exist and is not unknown. */
  complete?: readonly ("person" | `group:${string}`)[];
}

/** One thing that an inconclusive flag lacked. */
export interface Missing {
  /** "person property", "group property", "time of evaluation", "membership of cohort", … */
  readonly kind: string;
  readonly name: string;
  /** Of a group property: the group type. */
  readonly group?: string;
  /** In words: "person property email". */
  readonly text: string;
}

/** The outcome for one flag. It is frozen, and may be shared and kept. */
export interface Answer {
  readonly key: string;
  /** "decided": PostHog's own answer. "inconclusive": it cannot be known here. "not found": no such flag, or not for this runtime or context. */
  readonly status: "decided" | "inconclusive" | "not found";
  /** On, with whatever variant; false unless decided. */
  readonly enabled: boolean;
  /** false, true (on without a variant) or the variant's key; null unless decided. */
  readonly value: boolean | string | null;
  readonly variant: string | null;
  /** The payload of the value as JSON text, usually a JSON string with JSON in it. Null if there is none or it is not known. */
  readonly payload: string | null;
  /** False for encrypted payloads, and unless decided. */
  readonly payloadKnown: boolean;
  /** PostHog's code: "condition_match", … Null where there is none. */
  readonly reason: string | null;
  /** PostHog's words for the reason. */
  readonly description: string;
  readonly conditionIndex: number | null;
  readonly id: number;
  readonly version: number;
  readonly hasExperiment: boolean;
  /** What would decide an inconclusive flag. Empty for every other. */
  readonly missing: readonly Missing[];
}

/** What a proxy of PostHog has to know of a flag. */
export interface CatalogFlag {
  readonly key: string;
  readonly active: boolean;
  /** It has experience continuity. */
  readonly continuity: boolean;
  /** It may be on with a variant. */
  readonly variants: boolean;
  /** "server", "client", or "" for every runtime. */
  readonly runtime: string;
  /** The keys of the flags that its filters name. */
  readonly needs: readonly string[];
}

export interface Catalog {
  readonly flags: readonly CatalogFlag[];
  /** PostHog asks for slim $feature_flag_called events. */
  readonly minimal: boolean;
}

/** The flags of one definitions document, compiled. */
export interface Flags {
  /** The keys of all flags, in the order of the document. */
  readonly keys: readonly string[];
  readonly catalog: Catalog;
  /** What the catalog has of one flag; undefined if there is none. */
  catalogFlag(key: string): CatalogFlag | undefined;
  /** Throws if the subject is not an object with members of the right types. */
  evaluate(key: string, subject: Subject | SubjectJson, options?: Options): Answer;
  /**
   * Answers for all flags in the order of the document, without those that are for
   * another runtime or other contexts; or for the keys named, in their order, those
   * that do not exist last.
   */
  evaluateAll(subject: Subject | SubjectJson, options?: Options & { keys?: readonly string[] }): Answer[];
  /** How an answer came about, as `hogflags explain --json` prints it. Null for a flag that does not exist. Slower than evaluate. */
  explain(key: string, subject: Subject | SubjectJson, options?: Options): Explanation | null;
  /** Gives the memory back. Afterwards every evaluation throws; answers stay valid. */
  free(): void;
}

export interface Explanation {
  answer: { status: string; value: boolean | string | null; reason: string | null; condition_index: number | null; missing?: string[] };
  conditions: unknown[];
  /** Where and why evaluation stopped, in words. */
  stop: string;
  [more: string]: unknown;
}

/** An evaluator: one instance of the WebAssembly module. */
export class Evaluator {
  /** Instantiates the module at once; allowed at global scope and in a request. */
  constructor(module: WebAssembly.Module);
  /**
   * Compiles a definitions document: PostHog's bytes, or the object that they decode
   * to. Throws, and keeps nothing, if it is not one. The time zone is the
   * project's, an IANA name; without it flags that depend on it are inconclusive.
   * The small build knows UTC only.
   */
  load(definitions: string | Uint8Array | ArrayBuffer | object, options?: { timeZone?: string }): Flags;
  /** It has crashed, as WebAssembly can where memory ends: everything throws from then on. Make another. */
  readonly broken: boolean;
  /** How much memory it has taken, in bytes. It never shrinks. */
  readonly memoryBytes: number;
}
