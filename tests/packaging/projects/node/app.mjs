import { createAvatar } from "@dao/avatar";
import { roundTrip } from "./round-trip.cjs";

await roundTrip(createAvatar, process.argv[2]);
