// Hosts that break one MUST each, made from the reference host by changing one of its classes. The kit has to notice, by the checks that cite the MUST and by no other:
// `fails` lists those checks by words of their names; without it they are all that cite the MUST.
import { mutants as calls } from "./calls.mjs";
import { mutants as keys } from "./keys.mjs";
import { mutants as life } from "./life.mjs";
import { mutants as memory } from "./memory.mjs";
import { mutants as net } from "./net.mjs";
import { mutants as p2p } from "./p2p.mjs";
import { mutants as storage } from "./storage.mjs";

export const MUTANTS = { ...memory, ...life, ...calls, ...storage, ...keys, ...net };

/** Those that fail checks of peers. */
export const P2P_MUTANTS = p2p;
