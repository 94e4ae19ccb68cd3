import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { isIdNumber } from '../src/real-name/id-number.ts';
import { testPerson, testPersonCount, testPersons } from '../src/real-name/test-persons.ts';
import { callAcs3 } from './support/acs3-client.ts';
import { startTestSandbox, type TestSandbox } from './support/sandbox.ts';

let sandbox: TestSandbox;
beforeAll(async () => {
  sandbox = await startTestSandbox();
});
afterAll(() => sandbox.stop());
beforeEach(() => sandbox.json('DELETE', '/control'));

const verify = (name: string, idNumber: string, changes: { ParamType?: string; date?: Date } = {}) => {
  const { endpoint, accessKeyId, accessKeySecret } = sandbox.of('cn').realName;
  const { date, ...parameters } = changes;
  return callAcs3({
    endpoint,
    accessKeyId,
    accessKeySecret,
    action: 'Id2MetaVerify',
    version: '2019-03-07',
    form: { ParamType: 'normal', UserName: name, IdentifyNum: idNumber, ...parameters },
    ...(date && { date }),
  });
};
const bizCodes = { match: '1', mismatch: '2', not_found: '3' };

describe('test persons', () => {
  test('have well-formed numbers, always the same, each its own', () => {
    expect(isIdNumber('11010519491231002X', new Date())).toBe(true); // the standard's own sample
    const sample = Array.from({ length: 500 }, (_, i) => testPerson((i * 7919) % testPersonCount));
    expect(sample.every((person) => isIdNumber(person.idNumber, new Date()))).toBe(true);
    expect(testPersons.every((person) => isIdNumber(person.idNumber, new Date()))).toBe(true);
    expect(new Set(sample.map((person) => person.idNumber)).size).toBe(500);
    expect(testPerson(5)).toEqual(testPerson(5));
    expect(() => testPerson(testPersonCount)).toThrow(RangeError);
  });
  test.each([
    '110105194912310021',
    '11010519900229002X',
    '110105199002300020',
    '11010519900101000X',
    '110105900101001',
  ])('%s is not well formed', (text) => {
    expect(isIdNumber(text, new Date())).toBe(false);
  });
});

describe('Id2MetaVerify', () => {
  test.each(testPersons.map((person) => [person.about, person] as const))('%s', async (_about, person) => {
    expect(await verify(person.name, person.idNumber)).toMatchObject({
      status: 200,
      body: { Code: '200', Message: 'success', ResultObject: { BizCode: bizCodes[person.outcome] } },
    });
  });
  test('knows the last person of the rule', async () => {
    const person = testPerson(testPersonCount - 1);
    expect((await verify(person.name, person.idNumber)).body.ResultObject).toEqual({ BizCode: '1' });
  });
  test('tells a failed call from a negative result', async () => {
    const { name, idNumber } = testPerson(1);
    expect((await verify('', idNumber)).body).toMatchObject({ Code: '400' });
    expect((await verify('张3', idNumber)).body).toMatchObject({ Code: '401' });
    expect((await verify(name, `${idNumber.slice(0, 17)}${idNumber.endsWith('1') ? '2' : '1'}`)).body).toMatchObject({
      Code: '401',
    });
    expect((await verify(name, idNumber, { ParamType: 'md5' })).body).toMatchObject({ Code: '401' });
    expect((await verify('', idNumber)).body).not.toHaveProperty('ResultObject');
  });
  test('verifies the signature and counts its calls', async () => {
    const { name, idNumber } = testPerson(1);
    expect(await verify(name, idNumber, { date: new Date(0) })).toMatchObject({
      status: 400,
      body: { Code: 'InvalidTimeStamp.Expired' },
    });
    await verify(name, idNumber);
    const log = await sandbox.requestsOf('real-name');
    expect(log.total).toBe(2);
    expect(JSON.stringify(log)).not.toContain(idNumber);
  });
  test('answers on request as if its source were down, or another result', async () => {
    const { name, idNumber } = testPerson(1);
    await sandbox.control('real-name', { answer: { code: '402', times: 1 } });
    expect((await verify(name, idNumber)).body).toMatchObject({ Code: '402' });
    await sandbox.control('real-name', { answer: { bizCode: '3', times: 1 } });
    expect((await verify(name, idNumber)).body).toMatchObject({ Code: '200', ResultObject: { BizCode: '3' } });
    expect((await verify(name, idNumber)).body).toMatchObject({ Code: '200', ResultObject: { BizCode: '1' } });
    await sandbox.control('real-name', { slowMs: 60 });
    const before = performance.now();
    await verify(name, idNumber);
    expect(performance.now() - before).toBeGreaterThanOrEqual(55);
  });
});
