// The table of checks: `name` is a promise, `cites` the MUSTs of proto/ABI.md that it follows from, `run` what must be so. `starts: false`: it starts its host itself.
import { checks as calls } from "./calls.mjs";
import { checks as keys } from "./keys.mjs";
import { checks as life } from "./life.mjs";
import { checks as memory } from "./memory.mjs";
import { checks as net } from "./net.mjs";
import { checks as storage } from "./storage.mjs";

export const CHECKS = [...memory, ...life, ...calls, ...storage, ...keys, ...net];
