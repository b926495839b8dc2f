/**
 * Node: one client, one host, in the calling thread; storage in memory or in a folder.
 *
 * @module
 */
import type { AvatarOptions } from "./api.js";
import { nodeAssets } from "./assets.node.js";
import { META_UNIT_BUILD_ID } from "./build_ids.js";
import type { Environment, MakeConnector } from "./environment.js";
import { AvatarError } from "./errors.js";
import { startInThread } from "./host/in_thread.js";
import { SoleConnector } from "./leader/connector.js";
import { loadModules } from "./load/load.js";
import { openFolder } from "./node/folder.js";

/** See {@link Environment}. */
export const node: Environment = {
  prepare(options: AvatarOptions): Promise<MakeConnector> {
    const start = async () => {
      const modules = await loadModules(nodeAssets, options.wasm);
      const folder = options.folder !== undefined && options.storage !== "memory" ? await openFolder(options.folder) : undefined;
      try {
        return await startInThread({
          avatarWeb: modules.avatarWeb,
          tabs: false,
          host: {
            module: modules.metaUnit,
            name: options.name ?? "default",
            storage: folder ?? "memory",
            buildId: META_UNIT_BUILD_ID,
            testRequests: options.testRequests ?? false,
          },
        });
      } catch (error) {
        await folder?.close();
        throw error;
      }
    };
    return Promise.resolve((channel, events) => new SoleConnector(channel, start, events));
  },

  // A folder is as persistent as its disk, and memory never.
  persist: () => Promise.resolve(undefined),

  passkeys: { make: noPasskeys, ask: noPasskeys },
};

function noPasskeys(): Promise<never> {
  return Promise.reject(new AvatarError("UNSUPPORTED", "Node has no passkeys."));
}
