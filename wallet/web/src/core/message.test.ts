import { describe, expect, it } from "vitest";

import { fromHex, toHex } from "./bytes.ts";
import { Refused } from "./error.ts";
import { checksummed } from "./key.ts";
import { headIn, parseLeaf } from "./leaf.ts";
import {
  canonicalBody, codeCommitment, codeSecret, commitment, digest, guardianCommitment, keyCommitment, marshal, parseMessage, signBody, unmarshal, verify,
} from "./message.ts";
import { Roster } from "./roster.ts";
import { vectors } from "./testdata.ts";
import { encodeType, hashStruct, separator } from "./typed.ts";
import type { Guardians, Message } from "./types.ts";

interface Good {
  name: string;
  ledger: string;
  message: Message;
  body: string;
  commitment: string;
  encodeType: string;
  structHash: string;
  separator: string;
  digest: string;
  signers: string[];
  bytes: string;
  leaf: string;
  event: { type: string; handle: string; seq: string };
}

interface Bad {
  name: string;
  stage: "read" | "verify" | "apply";
  code: string;
  ledger: string;
  text: string;
}

interface File {
  keys: Record<string, { private: string; address: string }>;
  commitments: { sort: string; input: Record<string, unknown>; commitment: string }[];
  good: Good[];
  bad: Bad[];
}

const file = vectors<File>("chaincode/consent/testdata/vectors.json");

describe("messages that Go accepts", () => {
  it("are 36", () => {
    expect(file.good.length).toBe(36);
  });
  it.each(file.good)("$name", (v) => {
    const m = parseMessage(JSON.stringify(v.message));
    expect(toHex(canonicalBody(m.type, m.body))).toBe(v.body);
    expect(commitment(m.type, m.body)).toBe(v.commitment);
    expect(encodeType(m.type)).toBe(v.encodeType);
    expect(toHex(hashStruct(m.type, m.body))).toBe(v.structHash);
    expect(toHex(separator(m.type === "Init" ? "0".repeat(64) : v.ledger))).toBe(v.separator);
    expect(toHex(digest(v.ledger, m.type, m.body))).toBe(v.digest);
    expect(verify(v.ledger, m)).toEqual(v.signers.map((name) => file.keys[name]?.address));
    expect(toHex(marshal(m))).toBe(v.bytes);
    expect(unmarshal(fromHex(v.bytes))).toEqual(m);
    const keys = v.signers.map((name) => fromHex(file.keys[name]?.private ?? ""));
    expect(signBody(v.ledger, m.type, m.body, ...keys)).toEqual(m.sigs);
  });
  it.each(file.good)("$name has a leaf", (v) => {
    const leaf = parseLeaf(fromHex(v.leaf));
    expect(leaf.commitment).toBe(v.commitment);
    if (!/^0*$/.test(v.event.handle)) {
      expect(headIn(leaf, v.event.handle)?.seq).toBe(v.event.seq);
    }
    for (const cut of [fromHex(v.leaf).slice(0, -1), fromHex(`${v.leaf}00`)]) {
      expect(() => parseLeaf(cut)).toThrow(Refused);
    }
  });
});

describe("texts that Go refuses", () => {
  it("are 143", () => {
    expect(file.bad.length).toBe(143);
  });
  it.each(file.bad.filter((v) => v.stage !== "apply"))("$stage: $name", (v) => {
    const attempt = () => {
      const m = parseMessage(v.text);
      if (v.stage === "read") {
        return;
      }
      verify(v.ledger, m);
    };
    expect(attempt).toThrow(expect.objectContaining({ name: "Refused", code: v.code }));
  });
  it.each(file.bad.filter((v) => v.stage === "apply"))("$stage: $name reads, and is the contract's to refuse", (v) => {
    expect(verify(v.ledger, parseMessage(v.text)).length).toBeGreaterThan(0);
  });
});

describe("commitments", () => {
  it.each(file.commitments)("$sort $commitment", ({ sort, input, commitment: want }) => {
    const text = (name: string) => input[name] as string;
    const made = {
      key: () => keyCommitment(fromHex(text("salt")), text("address")),
      guardians: () => guardianCommitment(input["guardians"] as Guardians),
      secret: () => codeSecret(text("code")),
      code: () => codeCommitment(text("secret")),
    }[sort];
    expect(made?.()).toBe(want);
  });
});

describe("the roster", () => {
  const story = file.good.map((v) => v.message);
  const genesis = story[0] as Message;
  const pinned = { id: file.good[0]?.ledger ?? "", genesis: commitment("Init", genesis.body) };
  const about = story.slice(1).filter((m) => /^Member|^AuthorityChange|^Close|^Import/.test(m.type));

  it("follows what the authorities signed", () => {
    const roster = new Roster(pinned, genesis);
    about.forEach((m) => roster.add(m));
    expect(roster.all().map((m) => m.id)).toEqual(["aurel-audit", "bob-practice", "city-hospital", "rosa-institute"].filter((id) => roster.member(id)));
    expect(roster.all().length).toBeGreaterThan(2);
    expect(roster.all().some((m) => m.suspended)).toBe(true);
  });
  it("refuses another genesis, another order, another name, and messages of subjects", () => {
    expect(() => new Roster({ ...pinned, genesis: "1".repeat(64) }, genesis)).toThrow(Refused);
    const roster = new Roster(pinned, genesis);
    const admit = about[0] as Message;
    expect(() => roster.add({ ...admit, body: { ...admit.body, name: "Mallory" } })).toThrow(Refused);
    expect(() => roster.add({ ...admit, sigs: admit.sigs.slice(1) })).toThrow(Refused);
    roster.add(admit);
    expect(() => roster.add(admit)).toThrow(Refused);
    expect(() => roster.add(story.find((m) => m.type === "SubjectOpen") as Message)).toThrow(Refused);
  });
});

describe("addresses", () => {
  it("are written with EIP-55's case", () => {
    expect(checksummed("0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed")).toBe("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed");
  });
});
