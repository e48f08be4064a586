// @ts-check
/** Talks to the routes of dashboard/server/asking_routes.py. */

/** Bytes of one request: a line that breaks costs no more, and proxies accept it. */
export const PART_BYTES = 2 << 20;
/** Tries to go on after the line broke, and the wait before each, ms. */
const RETRIES_MS = [500, 2000, 5000, 10000];

/** What the server does not accept, or that it cannot be reached: `message` is what was found. */
export class Refusal extends Error {
  /** @param {string} found @param {string} nextStep @param {number} [status] */
  constructor(found, nextStep, status = 0) {
    super(found);
    this.nextStep = nextStep;
    this.status = status;
  }

  /** In a sentence. */
  get text() {
    return `${this.message[0]?.toUpperCase() ?? ""}${this.message.slice(1)}. Next: ${this.nextStep}.`;
  }
}

export class Api {
  /** @param {string} ticket @param {string} base address of the page @param {typeof fetch} [send] */
  constructor(ticket, base, send = (...given) => fetch(...given)) {
    this.ticket = ticket;
    this.base = base;
    this.send = send;
    this.partBytes = PART_BYTES;
  }

  /**
   * @param {string} method @param {string} path @param {{json?: object, body?: Blob, signal?: AbortSignal}} [given]
   * @returns {Promise<{status: number, answer: any}>} Raises Refusal, except for the status 409 of an upload's part
   */
  async call(method, path, { json, body, signal } = {}) {
    let response;
    try {
      response = await this.send(new URL(`asking/${path}`, this.base), {
        method,
        headers: { "X-Crosscheck-Ticket": this.ticket },
        body: json ? JSON.stringify(json) : body,
        signal,
      });
    } catch (error) {
      if (signal?.aborted) throw error;
      throw new Refusal("the server cannot be reached", "check the connection, then try again");
    }
    const answer = response.status === 204 ? null : await response.json().catch(() => null);
    if (response.ok || (response.status === 409 && answer && "received" in answer))
      return { status: response.status, answer };
    throw new Refusal(
      answer?.found ?? `the server answered ${response.status}`,
      answer?.next_step ?? "try again later",
      response.status,
    );
  }

  /**
   * Upload a file part by part; where the line breaks, go on at the byte that the server has.
   * @param {Blob} file @param {{signal: AbortSignal, progress: (nBytes: number) => void, wait?: (ms: number) => Promise<void>}} options
   * @returns {Promise<string>} its digest. Raises Refusal, and AbortError once `signal` is aborted
   */
  async upload(file, { signal, progress, wait = pause }) {
    const { answer: begun } = await this.call("POST", "uploads", { json: { bytes: file.size }, signal });
    let at = 0;
    let failures = 0;
    while (true) {
      try {
        const body = file.slice(at, at + this.partBytes);
        const { status, answer } = await this.call("PUT", `uploads/${begun.id}?at=${at}`, { body, signal });
        if (answer.upload) return answer.upload;
        if (status === 200 || answer.received > at) failures = 0;
        else if (failures === RETRIES_MS.length) throw new Refusal("the upload does not go on", "upload it again");
        else await wait(RETRIES_MS[failures++]); // the part before may still be on its way
        at = answer.received;
        progress(at);
      } catch (error) {
        if (signal.aborted) {
          this.call("DELETE", `uploads/${begun.id}`).catch(() => {}); // the server forgets it by itself, only later
          throw error;
        }
        if (!(error instanceof Refusal) || error.status || failures >= RETRIES_MS.length) throw error;
        await wait(RETRIES_MS[failures++]);
      }
    }
  }
}

/** @param {number} ms @returns {Promise<void>} */
function pause(ms) {
  return new Promise((done) => setTimeout(done, ms));
}
