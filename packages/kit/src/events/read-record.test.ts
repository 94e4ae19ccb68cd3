import { expect, test } from '@jest/globals';
import { newId } from '../ids.ts';
import { readEnvelope } from './read-record.ts';

const now = new Date();
const account = newId('acc', 'cn', now);
const eventId = newId('evt', 'cn', now);
const recordOn = (topic: string, source: string) => ({
  topic,
  key: account,
  eventId,
  payload: JSON.stringify({
    specversion: '1.0',
    id: eventId,
    source,
    type: 'thing-happened.v1',
    subject: account,
    time: now.toISOString(),
    datacontenttype: 'application/json',
    region: 'cn',
    partitionkey: account,
    accountseq: 1,
    data: {},
  }),
});

test("an event is its own topic's publisher's", () => {
  expect(readEnvelope(recordOn('cn.billing.events', 'cn/billing'), 'cn').source).toBe('cn/billing');
  expect(() => readEnvelope(recordOn('cn.moderation.events', 'cn/billing'), 'cn')).toThrow(
    'the topic of moderation holds an event of "cn/billing"',
  );
});

test('what belongs to another region is refused as foreign, wherever it stands', () => {
  expect(() => readEnvelope(recordOn('cn.billing.events', 'global/billing'), 'cn')).toThrow(
    'belongs to another region',
  );
});
