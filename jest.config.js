// ESM mode (node --experimental-vm-modules): see README, "Tests".
export default {
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '\\.ts$': ['@swc/jest', { jsc: { parser: { syntax: 'typescript' }, target: 'es2024' }, module: { type: 'es6' } }],
  },
  testMatch: ['<rootDir>/(packages|services|tests|scripts)/**/*.test.ts'],
  globalSetup: '<rootDir>/packages/testkit/src/jest/global-setup.ts',
  globalTeardown: '<rootDir>/packages/testkit/src/jest/global-teardown.ts',
  modulePathIgnorePatterns: ['<rootDir>/.meridian'],
  // The first test that asks waits until database and broker have started.
  testTimeout: 60_000,
};
