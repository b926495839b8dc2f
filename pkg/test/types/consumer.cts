// The same package by `require`, typed.
import avatarPackage = require("@dao/avatar");

export async function application(): Promise<string> {
  const avatar: avatarPackage.Avatar = await avatarPackage.createAvatar({ folder: "data" });
  const doc = await avatar.docs.create("note", { title: "x" });
  const error: unknown = await avatar.docs.open(doc.id).catch((caught: unknown) => caught);
  return error instanceof avatarPackage.AvatarNotFoundError ? error.code : doc.value.title;
}
