/** The checks of a verification, named for people. The ids are those of the report; what is not known here is named by its id. */
import { wordsOf } from "./json";

const TITLES: Readonly<Record<string, string>> = {
  document: "The document can be read",
  context: "Its terms are known",
  type: "It says what it is",
  issuer: "The issuer is named",
  subject: "It says something",
  "proof.present": "It is signed",
  "proof.signature": "The signature fits, letter by letter",
  "proof.purpose": "The signature was made for this purpose",
  "proof.key": "The key was found",
  "proof.controller": "The key belongs to the one who is named",
  "proof.created": "The signature’s date makes sense",
  "proof.expires": "The signature has not expired",
  "proof.challenge": "It answers this very request",
  "proof.domain": "It was made for this verifier",
  "validity.from": "It is in force already",
  "validity.until": "It has not expired",
  status: "It has not been revoked",
  holder: "It is shown by the one it was given to",
};

export function titleOfCheck(id: string): string {
  return TITLES[id] ?? wordsOf(id.replaceAll(".", " "));
}
