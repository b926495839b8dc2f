// Loaded before the tests: properties are tried on the same cases in every run, so that a gate says the same of the same code. AVATAR_SEED tries others.
import fc from "fast-check";

fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(process.env.AVATAR_SEED ?? 20261124) });
