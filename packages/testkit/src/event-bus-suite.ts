// What every transport must keep, written against the interface alone: the same suite runs on the Postgres log and on Kafka.
import { join } from 'node:path';
import { afterAll, beforeAll, describe, jest } from '@jest/globals';
import { crashContract } from './event-bus/crash-contract.ts';
import { deliveryContract } from './event-bus/delivery-contract.ts';
import { type OwnServer, openOwnServer } from './event-bus/own-server.ts';
import { parkingContract } from './event-bus/parking-contract.ts';
import { plantedBugs } from './event-bus/planted-bugs.ts';
import { playOnStage, type Stage } from './event-bus/stage.ts';
import type { ContractOptions, Transport } from './event-bus/transport.ts';

/** What the parts of the contract get. */
export type Suite = {
  readonly server: OwnServer;
  readonly transport: Transport;
  readonly patienceMs: number;
  /** Opens a scenario, runs `play` and closes it. */
  onStage(play: (stage: Stage) => Promise<void>): Promise<void>;
};

export const eventBusContract = (options: ContractOptions): void => {
  const patienceMs = options.patienceMs ?? 20_000;
  // A test waits up to `patienceMs` several times; the wait that was too long shall be told, not the test's limit.
  jest.setTimeout(4 * patienceMs);
  describe(options.name, () => {
    let server: OwnServer | undefined;
    let transport: Transport | undefined;
    const opened = <T>(value: T | undefined): T => {
      if (value === undefined) throw new Error('the suite is not open');
      return value;
    };
    const suite: Suite = {
      get server() {
        return opened(server);
      },
      get transport() {
        return opened(transport);
      },
      patienceMs,
      onStage: async (play) => playOnStage(opened(server), opened(transport), play),
    };
    beforeAll(async () => {
      server = await openOwnServer(join(process.cwd(), '.meridian', 'test'));
      transport = await options.open(server);
    }, 60_000);
    afterAll(async () => {
      try {
        await transport?.close();
      } finally {
        await server?.stop();
      }
    }, 60_000);

    describe('delivery', () => deliveryContract(suite));
    describe('faults', () => crashContract(suite));
    describe('what cannot be applied', () => parkingContract(suite));
    describe('the checker goes red for', () => plantedBugs(suite));
  });
};
