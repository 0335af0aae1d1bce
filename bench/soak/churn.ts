/** Tokens that come and go through the management API. */

interface Made {
  readonly id: string;
  readonly secret: string;
}

export class TokenChurn {
  readonly #admin: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #tokens: Made[] = [];
  revoked = 0;

  /** @param secret of an administrator */
  constructor(admin: string, secret: string) {
    this.#admin = admin;
    this.#headers = { authorization: `SSWS ${secret}` };
  }

  /** Of the tokens that are good. */
  get secrets(): string[] {
    return this.#tokens.map(({ secret }) => secret);
  }

  async make(): Promise<void> {
    const response = await fetch(`${this.#admin}/api/v1/api-tokens`, {
      method: 'POST',
      headers: { ...this.#headers, 'content-type': 'application/json' },
      body: JSON.stringify({ name: `soak ${this.revoked + this.#tokens.length}` }),
    });
    if (response.status !== 201) throw new Error(`a token could not be made: ${response.status}`);
    this.#tokens.push((await response.json()) as Made);
  }

  /** While clients ask with it, which are refused from then on. */
  async revokeOldest(): Promise<void> {
    const oldest = this.#tokens.shift();
    if (oldest === undefined) return;
    const url = `${this.#admin}/api/v1/api-tokens/${oldest.id}`;
    const response = await fetch(url, { method: 'DELETE', headers: this.#headers });
    await response.body?.cancel();
    if (response.status !== 204) throw new Error(`a token could not be revoked: ${response.status}`);
    this.revoked += 1;
  }
}
