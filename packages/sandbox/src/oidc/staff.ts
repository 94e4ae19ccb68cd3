import type { StaffPerson } from '../config.ts';

const person = (name: string, ...roles: string[]): StaffPerson => {
  const first = name.split(' ')[0]?.toLowerCase() ?? '';
  return { sub: `staff-${first}`, name, email: `${first}@staff.example`, roles };
};

/** A staff for development: two reviewers, as a second person decides appeals; one of each other role; one without any. */
export const exampleStaff: StaffPerson[] = [
  person('Rita Reyes', 'reviewer'),
  person('Ravi Rao', 'reviewer'),
  person('Fiona Fang', 'finance'),
  person('Sami Sato', 'support'),
  person('Ada Adler', 'admin'),
  person('Nora Novak'),
];
