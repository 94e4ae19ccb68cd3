// Named points of the event path where a test may stop or kill a process. The function is an argument; by default nothing happens.

export type FailpointName =
  | 'after-business-commit'
  | 'before-publish'
  | 'after-publish'
  | 'before-delete'
  | 'after-inbox-insert'
  | 'after-effect-before-commit'
  | 'after-commit-before-offset';

export const failpointNames: readonly FailpointName[] = [
  'after-business-commit',
  'before-publish',
  'after-publish',
  'before-delete',
  'after-inbox-insert',
  'after-effect-before-commit',
  'after-commit-before-offset',
];

export type Hit = (name: FailpointName) => void | Promise<void>;

export const noFailpoints: Hit = () => undefined;
