// What a test run that was cut off leaves on the engine, and who may take it away.
import { spawnSync } from 'node:child_process';
import { afterAll, expect, test } from '@jest/globals';
import { engine, hasImage, labelsOf, projectOf, sweepContainers } from '../src/containers/container-engine.ts';
import { describeNeeding } from '../src/jest/needs.ts';

const image = 'postgres:18';
const gonePid = String(spawnSync('true').pid);
const [, kind, namespace] = /^meridian-(test)-(\d+)-\d+$/.exec(projectOf('test')) ?? [];

describeNeeding('postgres image', await hasImage(image), 'what runs leave behind', () => {
  /** A container that its engine would start again and again, a network and a volume, as Compose labels them. */
  const leave = async (labels: Record<string, string>, name: string) => {
    const docker = await engine();
    await docker.createVolume({ Name: `${name}-data`, Labels: labels });
    await docker.createNetwork({ Name: name, Labels: labels, Internal: true });
    const container = await docker.createContainer({
      name,
      Image: image,
      Entrypoint: ['sleep', '600'],
      Labels: labels,
      HostConfig: { NetworkMode: name, Binds: [`${name}-data:/data`], RestartPolicy: { Name: 'unless-stopped' } },
    });
    await container.start();
    left.push(name);
  };
  const left: string[] = [];
  const there = async (name: string) => {
    const docker = await engine();
    const found = [
      docker.getContainer(name).inspect(),
      docker.getNetwork(name).inspect(),
      docker.getVolume(`${name}-data`).inspect(),
    ];
    return (await Promise.allSettled(found)).map(({ status }) => status === 'fulfilled');
  };
  afterAll(async () => {
    const docker = await engine();
    for (const name of left) {
      await docker
        .getContainer(name)
        .remove({ force: true })
        .catch(() => undefined);
      await docker
        .getNetwork(name)
        .remove()
        .catch(() => undefined);
      await docker
        .getVolume(`${name}-data`)
        .remove()
        .catch(() => undefined);
    }
  }, 60_000);

  test('stacks and containers of a process that is gone are taken down; those of others stay, here and on other machines', async () => {
    const project = (name: string) => ({ 'com.docker.compose.project': name });
    const goneProject = `meridian-${kind}-${namespace}-${gonePid}`;
    const elsewhere = `meridian-${kind}-1${namespace}-${gonePid}`;
    const operators = `meridian-${gonePid}`;
    const group = `group-${gonePid}`;
    await leave(project(goneProject), goneProject);
    await leave(project(elsewhere), elsewhere);
    await leave(project(operators), operators);
    await leave(project(projectOf('test')), projectOf('test'));
    await leave({ ...labelsOf(group), 'meridian.test.pid': gonePid }, group);
    await sweepContainers();
    for (const name of [goneProject, group]) expect([name, await there(name)]).toEqual([name, [false, false, false]]);
    for (const name of [elsewhere, operators, projectOf('test')])
      expect([name, await there(name)]).toEqual([name, [true, true, true]]);
  }, 120_000);
});
