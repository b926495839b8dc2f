// Writes into a folder, closes, opens again, and prints what was found as one line of JSON.
exports.roundTrip = async (createAvatar, folder) => {
  const first = await createAvatar({ folder });
  const made = await first.docs.create("note", { title: "Hello, Node", body: "" });
  await made.splice(["body"], 0, 0, "kept");
  const { did } = first;
  await first.close();

  const second = await createAvatar({ folder });
  const again = await second.docs.open(made.id);
  const { storage } = await second.status();
  console.log(JSON.stringify({ sameDid: second.did === did, value: again.value, storage: storage.kind }));
  await second.close();
};
