// Who a person is at this provider.
import { type LoginPerson, textId } from '../people.ts';

export const wechatOpenId = (appId: string, person: LoginPerson) => `o${textId(27, 'wechat open', appId, person.key)}`;
export const wechatUnionId = (region: string, person: LoginPerson) =>
  `o${textId(27, 'wechat union', region, person.key)}`;
