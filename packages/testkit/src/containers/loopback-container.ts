import { GenericContainer } from 'testcontainers';

/** Publishes its ports on 127.0.0.1 only. */
export class LoopbackContainer extends GenericContainer {
  protected override async beforeContainerCreated(): Promise<void> {
    for (const bindings of Object.values<{ HostIp?: string }[]>(this.hostConfig.PortBindings ?? {}))
      for (const binding of bindings) binding.HostIp = '127.0.0.1';
  }
}
