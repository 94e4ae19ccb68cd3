// Standard libraries verify our tokens by configuration alone: one address, the issuer's.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { freePort } from '@meridian/testkit/free-port.ts';
import { describeNeeding } from '@meridian/testkit/jest/needs.ts';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { type Stand, startStand } from './support/stand.ts';

let stand: Stand;
let issuer = '';
let accessToken = '';
let accountId = '';
beforeAll(async () => {
  const port = await freePort();
  issuer = `http://127.0.0.1:${port}`;
  stand = await startStand({ region: 'global', env: { ISSUER: issuer, PUBLIC_LISTEN: `127.0.0.1:${port}` } });
  ({ accessToken, accountId } = await stand.signIn(stand.identifiers.email()));
}, 60_000);
afterAll(() => stand?.stop());

describe('jose', () => {
  test('verifies an access token by discovery', async () => {
    const answer = await fetch(`${issuer}/.well-known/oauth-authorization-server`);
    const metadata = (await answer.json()) as { issuer: string; jwks_uri: string };
    // RFC 8414 3.3: the issuer must be the one that was asked.
    expect(metadata.issuer).toBe(issuer);
    const keys = createRemoteJWKSet(new URL(metadata.jwks_uri));
    const { payload } = await jwtVerify(accessToken, keys, { issuer, audience: 'meridian', typ: 'at+jwt' });
    expect(payload.sub).toBe(accountId);
    await expect(jwtVerify(accessToken, keys, { issuer, audience: 'meridian-staff' })).rejects.toMatchObject({
      code: 'ERR_JWT_CLAIM_VALIDATION_FAILED',
    });
  });
});

const python = resolve('.meridian/test-python');
const installed = (() => {
  if (existsSync(`${python}/ready`)) return true;
  const run = (command: string, ...parts: string[]) => spawnSync(command, parts, { timeout: 120_000 }).status === 0;
  return (
    run('python3', '-m', 'venv', python) &&
    run(`${python}/bin/python`, '-m', 'pip', 'install', '--quiet', 'PyJWT[crypto]==2.15.1') &&
    run('touch', `${python}/ready`)
  );
})();

const program = `
import json, sys, urllib.request, jwt
issuer, audience, token = sys.argv[1:]
metadata = json.load(urllib.request.urlopen(issuer + '/.well-known/oauth-authorization-server'))
assert metadata['issuer'] == issuer
key = jwt.PyJWKClient(metadata['jwks_uri']).get_signing_key_from_jwt(token)
try:
    claims = jwt.decode(token, key.key, algorithms=['ES256'], issuer=issuer, audience=audience,
                        options={'require': ['exp', 'iat', 'iss', 'aud', 'sub', 'jti']})
    print(claims['sub'])
except jwt.InvalidAudienceError:
    print('invalid audience')
`;

describeNeeding('python3 with venv', installed, "Python's PyJWT", () => {
  const verify = async (audience: string) => {
    const { spawn } = await import('node:child_process');
    const child = spawn(`${python}/bin/python`, ['-c', program, issuer, audience, accessToken]);
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    await new Promise((done) => child.once('close', done));
    return text.trim();
  };
  test('verifies an access token by discovery', async () => {
    expect(await verify('meridian')).toBe(accountId);
    expect(await verify('meridian-staff')).toBe('invalid audience');
  });
});
