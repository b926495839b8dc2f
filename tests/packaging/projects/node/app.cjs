const { createAvatar } = require("@dao/avatar");
const { roundTrip } = require("./round-trip.cjs");

roundTrip(createAvatar, process.argv[2]);
