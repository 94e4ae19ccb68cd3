// For secret scanners: how to recognise a key, and where to report one.
import { readPublicPart } from '@meridian/client/key-checksum.ts';
import { exampleKey, keyExpression } from '@meridian/client/key-scanner.ts';
import { getKeyPattern, reportLeakedKey } from '@meridian/contracts/key-issuance.ts';
import type { Database } from '@meridian/kit/db/database.ts';
import { type Directory, refuseForeign } from '@meridian/kit/http/region-wall.ts';
import { route } from '@meridian/kit/http/route.ts';
import type { HttpServer } from '@meridian/kit/http/server.ts';
import type { Schema } from '../db/schema.ts';
import type { Deps } from '../deps.ts';
import { digestOfPresented, type Peppers } from './key-format.ts';
import { revokeLeakedKey } from './revoke-key.ts';

type ScannerDeps = Deps & { readonly db: Database<Schema>; readonly directory: Directory; readonly peppers: Peppers };

export const scannerRoutes = (server: HttpServer, deps: ScannerDeps): void => {
  const { db, directory, peppers, region } = deps;
  route(server, getKeyPattern, async () => ({
    status: 200,
    body: {
      expression: keyExpression,
      checksum: {
        algorithm: 'CRC-32/ISO-HDLC',
        covers: 'everything before the checksum',
        digits: 'base62, 0-9A-Za-z, most significant first',
        start: -14,
        end: -8,
      },
      example: exampleKey(region),
      report: reportLeakedKey.path,
    },
  }));
  route(server, reportLeakedKey, async ({ body }) => {
    const part = readPublicPart(body.key);
    // A made-up region has no home to be sent to: such a text is answered like any other.
    if (part && Object.hasOwn(directory, part.region)) refuseForeign(region, part.region, directory);
    const digest = digestOfPresented(peppers, region, body.key);
    if (digest !== undefined) await db.transaction((tx) => revokeLeakedKey(tx, deps, digest));
    return { status: 202, body: { received: true } };
  });
};
