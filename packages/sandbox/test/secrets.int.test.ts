import { describe, expect, test } from '@jest/globals';
import { completeSandboxSecrets, createSandboxSecrets } from '../src/secrets.ts';

describe('secrets that are kept between runs', () => {
  test('gain what the sandbox did not have when they were drawn, and keep the rest as it was', async () => {
    const drawn = await createSandboxSecrets(['cn']);
    const { logins: _logins, ...older } = drawn.regions.cn ?? {};
    const { googleSigningKey: _google, appleSigningKey: _apple, alipayPlatform: _alipay, ...platform } = drawn;
    const kept = JSON.parse(JSON.stringify({ ...platform, regions: { cn: older } }));
    const whole = await completeSandboxSecrets(kept, ['cn', 'global']);
    expect(whole).toMatchObject(kept);
    expect(Object.keys(whole.regions)).toEqual(['cn', 'global']);
    expect(Object.keys(whole.regions.cn?.logins ?? {})).toHaveLength(8);
    // Once complete, nothing is drawn again.
    expect(await completeSandboxSecrets(whole, ['cn', 'global'])).toEqual(whole);
  }, 30_000);
  test('a malformed set is refused rather than mended', async () => {
    const drawn = await createSandboxSecrets(['cn']);
    await expect(completeSandboxSecrets({ ...drawn, oidcSigningKey: 'none' }, ['cn'])).rejects.toThrow();
  }, 30_000);
});
