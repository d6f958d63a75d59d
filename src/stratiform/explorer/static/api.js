// The server: JSON in, JSON, PNG and lines of JSON out.

export class Trouble extends Error {
  constructor(text, status) {
    super(text);
    this.status = status;
  }
}

async function answer(path, options) {
  let response;
  try {
    response = await fetch(`/api/${path}`, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Trouble("the server does not answer; is it still running?", 0);
  }
  if (response.ok) return response;
  const told = await response.json().catch(() => ({ error: response.statusText }));
  throw new Trouble(told.error, response.status);
}

export async function get(path, signal) {
  return (await answer(path, { signal })).json();
}

export function post(path, body, signal) {
  const headers = { "content-type": "application/json" };
  return answer(path, { method: "POST", headers, body: JSON.stringify(body), signal });
}

export async function postFile(path, file) {
  return (await answer(path, { method: "POST", headers: { "content-type": file.type }, body: file })).json();
}

export async function* lines(path, body, signal) {
  const reader = (await post(path, body, signal)).body.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    held += value;
    const whole = held.split("\n");
    held = whole.pop();
    for (const line of whole) {
      const told = JSON.parse(line);
      if (told.error) throw new Trouble(told.error, 400);
      yield told;
    }
  }
}

// One piece of work at a time; of what is asked for meanwhile, only the newest is done.
export class Newest {
  constructor(work, onerror) {
    this.work = work;
    this.onerror = onerror;
    this.wanted = undefined;
    this.busy = false;
  }

  async ask(wish) {
    this.wanted = { wish };
    if (this.busy) return;
    this.busy = true;
    while (this.wanted) {
      const { wish: next } = this.wanted;
      this.wanted = undefined;
      try {
        await this.work(next);
      } catch (error) {
        this.onerror(error);
      }
    }
    this.busy = false;
  }
}

// Work that waits for a pause, and is broken off by the next wish.
export class Later {
  constructor(work, onerror, pause = 180) {
    Object.assign(this, { work, onerror, pause });
  }

  ask(wish) {
    clearTimeout(this.timer);
    this.abort?.abort();
    this.timer = setTimeout(async () => {
      this.abort = new AbortController();
      try {
        await this.work(wish, this.abort.signal);
      } catch (error) {
        if (error.name !== "AbortError") this.onerror(error);
      }
    }, this.pause);
  }
}
