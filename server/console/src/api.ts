// Asking the server over HTTP. Every failure becomes a `Refusal`, with a sentence for the reader.

import { language, say } from './language.svelte';
import type { ProblemJson } from './wire';

const PATIENCE_MS = 15_000;

/** What the server (or the lack of one) answered instead of what was asked. */
export class Refusal extends Error {
  constructor(
    /** HTTP status; 0 when no answer came at all. */
    readonly status: number,
    readonly code: string,
    sentence: string,
  ) {
    super(sentence);
  }
}

interface Question {
  method?: 'GET' | 'POST' | 'DELETE';
  body?: unknown;
  signal?: AbortSignal;
  headers?: Record<string, string>;
}

export async function ask<T>(path: string, question: Question = {}): Promise<T> {
  const answer = await knock(path, question);
  if (answer.status === 204) return undefined as T;
  try {
    return (await answer.json()) as T;
  } catch (cause) {
    if (question.signal?.aborted) throw cause;
    throw new Refusal(answer.status, 'answer', say('error.answer'));
  }
}

/** The response itself, once it is known to be a success. */
export async function knock(path: string, question: Question = {}): Promise<Response> {
  const { method = 'GET', body, signal, headers } = question;
  const limit = AbortSignal.timeout(PATIENCE_MS);
  let answer: Response;
  try {
    answer = await fetch(path, {
      method,
      credentials: 'same-origin',
      headers: {
        accept: 'application/json, application/geo+json, application/problem+json',
        'accept-language': language.accept,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
    });
  } catch (cause) {
    if (signal?.aborted) throw cause;
    if (limit.aborted) throw new Refusal(0, 'timeout', say('error.timeout'));
    throw new Refusal(0, 'network', say('error.network'));
  }
  serverClock.heard(answer.headers.get('date'));
  if (!answer.ok) throw await refusal(answer);
  return answer;
}

async function refusal(answer: Response): Promise<Refusal> {
  let problem: ProblemJson = {};
  if (answer.headers.get('content-type')?.includes('json')) {
    problem = (await answer.json().catch(() => ({}))) as ProblemJson;
  }
  // The server's own sentence, in the language we asked for, beats a general one.
  const sentence = problem.detail || problem.title || general(answer.status);
  return new Refusal(answer.status, problem.code ?? String(answer.status), sentence);
}

function general(status: number): string {
  if (status === 401) return say('error.signin');
  if (status === 404 || status === 410) return say('error.missing');
  if (status === 429 || status === 503) return say('error.busy');
  if (status >= 500) return say('error.server', { status });
  return say('error.refused');
}

/** True for a request that we gave up ourselves, which is nobody's failure. */
export function givenUp(cause: unknown): boolean {
  return cause instanceof DOMException && cause.name === 'AbortError';
}

export function sentence(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

/** Ages are counted by the server's clock: a desk whose own is wrong must not see fresh readings as stale. */
export const serverClock = {
  offset: 0,
  heard(date: string | null) {
    const theirs = date ? Date.parse(date) : Number.NaN;
    if (Number.isNaN(theirs)) return;
    const offset = theirs - Date.now();
    // `Date` has whole seconds; smaller differences are rounding and travel time.
    this.offset = Math.abs(offset) < 2000 ? 0 : offset;
  },
  now(): number {
    return Date.now() + this.offset;
  },
};
