/** A client of the media-nommer API. Its types are made from the API's own description; see `schema.ts`. */

import createClient, { type Client } from "openapi-fetch";
import type { components, paths } from "./schema.js";

export type { components, paths } from "./schema.js";

type Schemas = components["schemas"];

export type Job = Schemas["JobView"];
export type JobRequest = Schemas["JobRequest"];
export type JobState = Schemas["StateName"];
export type Output = Schemas["Output"];
export type Problem = Schemas["Problem"];

/** The API: `GET`, `POST`, `PUT` and `DELETE`, each checked against its description. */
export type Nommer = Client<paths>;

/** A system at this address. A key is what `nommer keys create` prints. */
export function connect(url: string, apiKey?: string): Nommer {
  const headers = apiKey === undefined ? {} : { Authorization: `Bearer ${apiKey}` };
  return createClient<paths>({ baseUrl: url.replace(/\/+$/, ""), headers });
}

/** An answer that tells what is wrong. `problem.code` is stable. */
export class NommerError extends Error {
  override readonly name = "NommerError";

  constructor(readonly problem: Problem) {
    super(`${problem.code}: ${problem.detail}`);
  }
}

/** What a call answered; a problem is thrown. */
export function ok<T>(answer: { data?: T; error?: Problem }): T {
  if (answer.error !== undefined) throw new NommerError(answer.error);
  return answer.data as T;
}

/** Submits a job. (Without `dry_run` the answer is always a job, which the description cannot say.) */
export async function submit(nommer: Nommer, job: JobRequest): Promise<Job> {
  return ok(await nommer.POST("/v1/jobs", { body: job })) as unknown as Job;
}

/** Whether a job in this state has ended. */
export function ended(state: JobState): boolean {
  return ["FINISHED", "ERROR", "ABANDONED", "CANCELED"].includes(state);
}

/** Waits until a job has ended, well or badly, and asks every so many milliseconds. */
export async function wait(nommer: Nommer, id: string, interval = 1000): Promise<Job> {
  for (;;) {
    const job = ok(await nommer.GET("/v1/jobs/{id}", { params: { path: { id } } }));
    if (ended(job.state)) return job;
    await new Promise<void>((resume) => setTimeout(resume, interval));
  }
}
