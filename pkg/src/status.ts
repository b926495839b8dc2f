/**
 * The report of `avatar.status()`, from what the Meta Unit and its host say.
 *
 * @module
 */
import type { AvatarStatus, StorageKind } from "./api.js";
import type { HostStatus, StatusResult } from "./channel/messages.js";
import { StorageKind as WireStorageKind } from "./gen/dao/avatar/v1/client_pb.js";

const KINDS: Readonly<Record<WireStorageKind, StorageKind>> = {
  [WireStorageKind.UNSPECIFIED]: "memory",
  [WireStorageKind.INDEXEDDB]: "indexeddb",
  [WireStorageKind.MEMORY]: "memory",
  [WireStorageKind.FOLDER]: "folder",
};

/** Puts the report together. */
export function statusOf(node: StatusResult, host: HostStatus, client: { role: "leader" | "follower"; pendingWrites: number; lacking: readonly string[] }): AvatarStatus {
  const kind = KINDS[host.storage] ?? "memory";
  return {
    did: node.did,
    version: node.version,
    role: client.role,
    storage: {
      kind,
      ...(host.storageReason === "" ? {} : { reason: host.storageReason }),
      persisted: host.persisted || kind === "folder",
      ...(host.usageBytes === 0 ? {} : { usageBytes: host.usageBytes }),
      ...(host.quotaBytes === 0 ? {} : { quotaBytes: host.quotaBytes }),
      evictionRisk: evictionRisk(kind, host.persisted),
      schema: node.storageSchema,
    },
    documents: { total: node.documents, corrupt: node.corruptDocuments, loaded: node.loadedDocuments, loads: node.documentLoads },
    index: { segments: node.indexSegments, rebuilds: node.indexRebuilds },
    metaUnit: { buildId: host.buildId, memoryBytes: node.memoryBytes, restarts: host.restarts },
    pendingWrites: client.pendingWrites + node.pendingWrites,
    clients: host.clients,
    capabilities: host.capabilities,
    lacking: [...host.lacking, ...client.lacking],
  };
}

/** Browsers throw unpersisted data away when the disk fills; WebKit also when a person has not come back to the site for seven days. */
function evictionRisk(kind: StorageKind, persisted: boolean): "none" | "low" | "high" {
  if (kind === "folder") return "none";
  if (kind === "memory") return "high";
  if (persisted) return "none";
  return isWebKit() ? "high" : "low";
}

function isWebKit(): boolean {
  const agent = globalThis.navigator?.userAgent ?? "";
  return agent.includes("AppleWebKit/") && !/Chrom(e|ium)\//.test(agent);
}
