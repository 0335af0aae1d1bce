/** What is kept of a user's profile: Okta's four fields, and whatever else a client sends, within bounds. */
import { z } from 'zod';
import { shortText } from '../validation.ts';

const LOGIN = 'must be an e-mail address of 5 to 100 characters';
const ADDRESS = 'must be an e-mail address of at most 100 characters';
const NAME = /^[A-Za-z_]\w{0,63}$/;
const ATTRIBUTES_MAX = 50;
const ATTRIBUTES_BYTES_MAX = 8192;
const VALUE = 'must be a text of at most 500 characters, a number, true, false or null';

const value = z.union([z.string().max(500), z.number(), z.boolean(), z.null()], { error: VALUE });

/** The `profile` of a body; attributes that are null are left out, as with Okta. */
export const profileInput = z
  .object({
    firstName: shortText(50),
    lastName: shortText(50),
    login: z.email(LOGIN).min(5, LOGIN).max(100, LOGIN),
    email: z.email(ADDRESS).max(100, ADDRESS).optional().describe('The login unless given.'),
  })
  .catchall(value)
  .transform(({ firstName, lastName, login, email, ...others }) => {
    const kept = { ...(email === undefined || email === login ? {} : { email }), ...others };
    const attributes = Object.fromEntries(Object.entries(kept).filter(([, each]) => each !== null));
    return { firstName, lastName, login, attributes };
  })
  .refine(
    ({ attributes }) =>
      Object.keys(attributes).length <= ATTRIBUTES_MAX &&
      JSON.stringify(attributes).length <= ATTRIBUTES_BYTES_MAX,
    {
      error: `must have at most ${ATTRIBUTES_MAX} further attributes, of ${ATTRIBUTES_BYTES_MAX} characters in all`,
    },
  )
  .refine(({ attributes }) => Object.keys(attributes).every((name) => NAME.test(name)), {
    error: 'must have attributes whose names are letters, digits and _, at most 64',
  });
