// Contacts as they are shown: enough to recognise one's own, not enough to learn another's.

/** "+86138****8000", "a***@example.com". */
export const maskContact = (kind: 'phone' | 'email', value: string): string => {
  if (kind === 'phone') return `${value.slice(0, -8)}****${value.slice(-4)}`;
  const at = value.lastIndexOf('@');
  return `${value.slice(0, 1)}***${value.slice(at)}`;
};
