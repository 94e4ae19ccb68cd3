// The container engine, if there is one. Containers of a test run carry labels, so that they can be removed even when no Ryuk container can be pulled;
// stacks of Compose, which takes no labels from its command line, have their owner in the name of their project.
import { existsSync, readlinkSync } from 'node:fs';
import { getContainerRuntimeClient } from 'testcontainers';

const runLabel = 'meridian.test';
const ownerLabel = 'meridian.test.pid';
const namespaceLabel = 'meridian.test.pid-namespace';
/** Several sandboxes may share one engine: a process id says nothing outside its namespace. */
const pidNamespace = readlinkSync('/proc/self/ns/pid');
/** No run lasts longer: what is older has no owner, wherever that was. */
const longestRunMs = 3 * 3_600_000;

/** Labels of what is started together: `sweepContainers` finds it when this process is gone, `removeContainers` by `group`. */
export const labelsOf = (group: string) => ({
  [runLabel]: group,
  [ownerLabel]: String(process.pid),
  [namespaceLabel]: pidNamespace,
});

const projectLabel = 'com.docker.compose.project';
const projectName = /^meridian-(?:test|bench)-(\d+)-(\d+)$/;

/** Name of the Compose project of this process: `sweepContainers` finds it when this process is gone. */
export const projectOf = (kind: 'test' | 'bench'): string =>
  `meridian-${kind}-${pidNamespace.replaceAll(/\D/g, '')}-${process.pid}`;

/** The engine as dockerode shows it. */
export const engine = async () => (await getContainerRuntimeClient()).container.dockerode;

/** Whether an engine answers and has `image` (nothing is pulled here: `npm run images`). */
export const hasImage = async (image: string): Promise<boolean> => {
  // Where there is no engine nothing can be started; one that answers something else than "no such image" is asked to say why.
  const docker = await engine().catch(() => undefined);
  if (docker === undefined) return false;
  return docker
    .getImage(image)
    .inspect()
    .then(
      () => true,
      (error: { statusCode?: number }) => {
        if (error.statusCode === 404) return false;
        throw error;
      },
    );
};

/** Ryuk removes containers of dead runs, where its image is there. Testcontainers would fail where it cannot be pulled. */
export const withoutRyukIfMissing = async (): Promise<void> => {
  if (process.env.TESTCONTAINERS_RYUK_DISABLED !== undefined) return;
  const images = await (await engine()).listImages();
  if (!images.some(({ RepoTags }) => RepoTags?.some((tag) => tag.startsWith('testcontainers/ryuk'))))
    process.env.TESTCONTAINERS_RYUK_DISABLED = 'true';
};

type Labels = Readonly<Record<string, string>>;
type Owner = { readonly pid: string | undefined; readonly namespace: string | undefined };

const ownerOf = (labels: Labels): Owner | undefined => {
  if (runLabel in labels) return { pid: labels[ownerLabel], namespace: labels[namespaceLabel] };
  const [whole, namespace, pid] = projectName.exec(labels[projectLabel] ?? '') ?? [];
  return whole === undefined ? undefined : { pid, namespace: `pid:[${namespace}]` };
};

const orphaned = (labels: Labels, createdMs: number): boolean => {
  const owner = ownerOf(labels);
  if (!owner) return false;
  if (Date.now() - createdMs > longestRunMs) return true;
  return owner.namespace === pidNamespace && !existsSync(`/proc/${owner.pid}`);
};

/** Removes what bears `label` and is chosen: containers first, as they hold the rest. */
const remove = async (label: string, chosen: (labels: Labels, createdMs: number) => boolean): Promise<void> => {
  const docker = await engine();
  const filters = { label: [label] };
  for (const { Id, Labels, Created } of await docker.listContainers({ all: true, filters }))
    if (chosen(Labels, Created * 1_000)) await docker.getContainer(Id).remove({ force: true, v: true }).catch(gone);
  for (const { Id, Labels, Created } of await docker.listNetworks({ filters }))
    if (chosen(Labels ?? {}, Date.parse(Created))) await docker.getNetwork(Id).remove().catch(gone);
  const { Volumes } = await docker.listVolumes({ filters });
  for (const volume of Volumes ?? []) {
    // The engine says when, its client's types do not.
    const { CreatedAt = '' } = volume as { CreatedAt?: string };
    if (chosen(volume.Labels, Date.parse(CreatedAt))) await docker.getVolume(volume.Name).remove().catch(gone);
  }
};

/** Removes containers, networks and volumes of runs whose process is gone. */
export const sweepContainers = async (): Promise<void> => {
  for (const label of [runLabel, projectLabel]) await remove(label, orphaned);
};

/** Removes what was started with the labels of `group`: no more, as other tests of this process may have servers of their own. */
export const removeContainers = (group: string): Promise<void> => remove(`${runLabel}=${group}`, () => true);

/** Another sweep may have been quicker. */
const gone = (error: { statusCode?: number }) => {
  if (error.statusCode !== 404 && error.statusCode !== 409) throw error;
};
