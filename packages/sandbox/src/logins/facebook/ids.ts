// Who a person is at this provider.
import { digitId, type LoginPerson } from '../people.ts';

/** Ids are per app. */
export const facebookUserId = (appId: string, person: LoginPerson) => `1${digitId(15, 'facebook', appId, person.key)}`;
