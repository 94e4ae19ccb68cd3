// Messages that WeChat pushes, in its safe mode: AES-256-CBC and SHA-1 signatures over the token.
// https://developers.weixin.qq.com/doc/oplatform/Website_App/WeChat_Login/message_push.md
import { createCipheriv, createHash, randomBytes } from 'node:crypto';

export const sha1Signature = (...parts: string[]) => createHash('sha1').update(parts.sort().join('')).digest('hex');

/** 16 random bytes, the length in network order, the message, the app id; PKCS#7 over blocks of 32 bytes; the IV is the key's head. */
export const encryptMessage = (message: string, appId: string, encodingAesKey: string) => {
  const key = Buffer.from(`${encodingAesKey}=`, 'base64');
  const content = Buffer.from(message);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(content.length);
  const plain = Buffer.concat([randomBytes(16), length, content, Buffer.from(appId)]);
  const fill = 32 - (plain.length % 32);
  const cipher = createCipheriv('aes-256-cbc', key, key.subarray(0, 16)).setAutoPadding(false);
  return Buffer.concat([cipher.update(Buffer.concat([plain, Buffer.alloc(fill, fill)])), cipher.final()]).toString(
    'base64',
  );
};

type Fields = Record<string, string | number>;
export const asXml = (fields: Fields) =>
  `<xml>${Object.entries(fields)
    .map(([name, value]) =>
      typeof value === 'number' ? `<${name}>${value}</${name}>` : `<${name}><![CDATA[${value}]]></${name}>`,
    )
    .join('\n')}</xml>`;
export const writeMessage = (fields: Fields, format: 'xml' | 'json') =>
  format === 'xml' ? asXml(fields) : JSON.stringify(fields);
