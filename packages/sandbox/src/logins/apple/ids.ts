// Who a person is at this provider.
import { hexId, type LoginPerson } from '../people.ts';

/** Subjects are per team: two regions see two people. */
export const appleSubject = (teamId: string, person: LoginPerson) =>
  `00${hexId(4, 'apple a', teamId, person.key)}.${hexId(32, 'apple', teamId, person.key)}.${hexId(4, 'apple b', person.key).replaceAll(/[a-f]/g, '0')}`;
export const relayAddress = (person: LoginPerson) => `${hexId(10, 'relay', person.key)}@privaterelay.appleid.com`;
