import { expect, test } from '@jest/globals';
import type { Database } from '@meridian/kit/db/database.ts';
import type { IdentitySchema } from '../db/schema.ts';
import { createKeyRing } from './key-ring.ts';

test.each(['ECONNREFUSED', '57P01', undefined])(
  'a database that fails with %s is no verdict on a token: the ring is unreachable',
  async (code) => {
    const read = new Proxy(
      {},
      {
        get: () => () => {
          throw Object.assign(new Error('no'), { code });
        },
      },
    );
    const db = { read } as unknown as Database<IdentitySchema>;
    const ring = createKeyRing({ db, now: () => new Date(), signingKeySeal: Buffer.alloc(32) });
    const resolving = Promise.resolve(ring.resolve({ alg: 'ES256', kid: 'k' }, { payload: '', signature: '' }));
    await expect(resolving).rejects.toMatchObject({ code: 'unreachable' });
  },
);
