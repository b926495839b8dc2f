/** The checks of a verification, named for people. The ids are those of the report; what is not known here is named by its id. */
import { sentence } from "../ui/sentence";
import { shortDid } from "./did";
import { wordsOf } from "./json";

const TITLES: Readonly<Record<string, string>> = {
  format: "It can be read",
  "data-model": "It has what such a document needs",
  proof: "It is signed",
  "verification-method": "The key of the signature was found",
  controller: "The key belongs to the one who is named",
  purpose: "The signature was made for this use",
  signature: "The signature fits, letter by letter",
  "proof-time": "The time of the signature is right",
  challenge: "It answers your request",
  domain: "It was made for you",
  "valid-from": "It is in force already",
  "valid-until": "It has not expired",
  holder: "It is about the one who shows it",
  status: "It was not revoked",
};

export function titleOfCheck(id: string): string {
  return TITLES[id] ?? wordsOf(id.replaceAll(/[.-]/g, " "));
}

const DID = /did:[a-z0-9]+:[\w.:%-]+(?:#[\w.-]+)?/g;
const MOMENT = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)/g;
const clock = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

/** What a check found, as people read it: DIDs in short, moments as dates, the first letter large. */
export function shownDetail(detail: string): string {
  const shown = detail.replaceAll(DID, (did) => shortDid(did.split("#", 1)[0] as string)).replaceAll(MOMENT, (moment) => (Number.isNaN(Date.parse(moment)) ? moment : clock.format(new Date(moment))));
  return sentence(shown);
}
