// How a test runs a program as somebody who is not root, whoever runs the tests and wherever the workspace lies.
import { spawnSync } from 'node:child_process';

export type OrdinaryUser = {
  readonly who: string;
  /** False where root can become nobody else: folders of mode 0700 on the way, and no user namespaces. */
  readonly possible: boolean;
  /** Put before the command. */
  readonly prefix: readonly string[];
  /** Options of spawn. */
  readonly run: { readonly uid?: number; readonly gid?: number };
};

// 'nobody' on Debian, Red Hat and Arch alike.
const nobody = { uid: 65_534, gid: 65_534 };
const namespace = ['unshare', '--user', `--map-user=${nobody.uid}`, `--map-group=${nobody.gid}`];

const succeeds = (command: string, args: readonly string[], run: OrdinaryUser['run'] = {}) =>
  spawnSync(command, args, { ...run, stdio: 'ignore' }).status === 0;

/**
 * Who runs a test is ordinary already unless it is root. Root becomes nobody where nobody may read `file` and start Node; elsewhere a
 * namespace in which root is not root has to do: there it keeps its files, as an ordinary user keeps those of his home.
 */
export const ordinaryUser = (file: string): OrdinaryUser => {
  if (process.getuid?.() !== 0) return { who: 'the one who runs this', possible: true, prefix: [], run: {} };
  if (succeeds('test', ['-r', file], nobody) && succeeds(process.execPath, ['--version'], nobody))
    return { who: 'nobody, started by root', possible: true, prefix: [], run: nobody };
  const [unshare = '', ...args] = namespace;
  const possible = succeeds(unshare, [...args, process.execPath, '--version']);
  return { who: 'root inside a namespace', possible, prefix: namespace, run: {} };
};
