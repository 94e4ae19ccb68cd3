// Against the sandbox's registry, which speaks Aliyun's protocol and verifies signatures with a verifier of its own.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { exampleModels } from '@meridian/sandbox/models.ts';
import { exampleStaff } from '@meridian/sandbox/oidc/staff.ts';
import { testPerson, testPersons } from '@meridian/sandbox/real-name/test-persons.ts';
import { startSandbox } from '@meridian/sandbox/sandbox.ts';
import { createSandboxSecrets } from '@meridian/sandbox/secrets.ts';
import { createClock, startWorld, timeOf, type World } from './world.ts';

let sandbox: Awaited<ReturnType<typeof startSandbox>>;
let world: World;

beforeAll(async () => {
  const clock = createClock();
  sandbox = await startSandbox({
    secrets: await createSandboxSecrets(['cn']),
    http: { port: 0 },
    smtp: { port: 0 },
    now: () => timeOf(clock),
    models: exampleModels,
    staff: exampleStaff,
    notifications: { timeScale: 1, timeoutMs: 5_000 },
    log: () => undefined,
  });
  const registry = sandbox.credentials.cn?.realName;
  world = await startWorld({
    clock,
    variables: {
      REAL_NAME_ENDPOINT: registry?.endpoint,
      REAL_NAME_ACCESS_KEY_ID: registry?.accessKeyId,
      REAL_NAME_ACCESS_KEY_SECRET: registry?.accessKeySecret,
    },
  });
}, 30_000);
afterAll(async () => {
  await world.stop();
  await sandbox.stop();
});

const misbehave = (faults: object) =>
  fetch(new URL('/control/real-name', sandbox.origin), {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(faults),
  });
const codeOf = (person: { name: string; idNumber: string }) =>
  world
    .submit(world.newAccount(), { name: person.name, number: person.idNumber })
    .then(({ body }) => body.status as string)
    .catch((error: { code: string }) => error.code);

test.each(testPersons)('$about', async (person) => {
  const expected = /minor/.test(person.about)
    ? 'under_age'
    : { match: 'personal', mismatch: 'identity_mismatch', not_found: 'manual_review' }[person.outcome];
  expect(await codeOf(person)).toBe(expected);
});

test.each([
  ['a refusal of the front', { fail: { status: 503, times: 1 } }],
  ['throttling', { fail: { status: 429, times: 1 } }],
  ['an answer lost on the way', { loseAnswer: { times: 1 } }],
  ['an overdue payment', { answer: { code: '412', times: 1 } }],
])('%s uses nothing up and the next try works', async (_, faults) => {
  const person = testPerson(1_000 + Object.keys(faults).join().length);
  const account = world.newAccount();
  const submit = () => world.submit(account, { name: person.name, number: person.idNumber });
  expect((await misbehave(faults)).status).toBe(200);
  await expect(submit()).rejects.toMatchObject({
    code: 'registry_unavailable',
    status: 503,
    retryAfter: expect.any(Number),
  });
  expect((await world.view(account)).attemptsLeftToday).toBe(5);
  expect((await submit()).status).toBe(200);
});
