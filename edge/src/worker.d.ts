/** What of Cloudflare's KV namespaces is used. */
export interface KV {
  getWithMetadata(key: string, options: { type: "stream" }): Promise<{ value: ReadableStream | null; metadata: unknown }>;
  getWithMetadata(key: string, options: { type: "arrayBuffer" }): Promise<{ value: ArrayBuffer | null; metadata: unknown }>;
  put(key: string, value: ArrayBufferView, options: { metadata: unknown }): Promise<void>;
}

export interface WorkerConfig {
  /** The namespace that holds the definitions. */
  kv: KV;
  /** The project's public token, phc_…; also the key of OFREP clients that see what is for clients. */
  projectToken: string;
  /** PostHog's address, the same for writer and readers. Default: https://us.i.posthog.com */
  host?: string;
  /** A project secret key, phs_…; only the scheduled writer needs it. */
  secretKey?: string;
  /** Keys of servers: their requests need not name the flags that they want. */
  serverKeys?: readonly string[];
  /** All requests come from servers. Default: false. */
  server?: boolean;
  /** How often a busy isolate reads KV, in seconds. Default: 30. After ten times that without a request, the next one waits for a read. */
  refreshSeconds?: number;
  /** The project's time zone, an IANA name. Default: not known. */
  timeZone?: string;
  /**
   * Hands what cannot be answered here to PostHog, every address included. Default:
   * false, and nothing is requested while serving: a flag that is inconclusive has
   * failed, and a request that only PostHog can answer gets 503.
   */
  forward?: boolean;
}

export interface Worker {
  fetch(request: Request, env: any, context: { waitUntil(promise: Promise<unknown>): void }): Promise<Response>;
  /** Publishes the definitions once. Rejects if PostHog does not hand them out. */
  scheduled(event: unknown, env: any, context?: unknown): Promise<void>;
}

/** A Worker around a module, made at global scope. `configure` is called for each request. */
export function worker(module: WebAssembly.Module, configure: (env: any) => WorkerConfig): Worker;
