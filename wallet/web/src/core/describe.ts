/**
 * Lays out what is about to be signed, every member, in order, from the message itself. The views put keys and forms into the
 * person's language; nothing here comes from what a server says of the message. The Go twin is wallet.Describe.
 */
import type { Field } from "../api/volens.ts";
import { structOf } from "./schema.ts";
import type { Body, Coding, DataReference, Identifier, Member, MemberID, Period, Provision, Recipient, Value } from "./types.ts";

type Warning = Field["warnings"][number];
type Lookup = (id: MemberID) => Member | undefined;

interface At {
  path: string;
  key: string;
  depth: number;
  detail: boolean;
}

const DETAILS = ["seq", "prev", "salt"];
const REFERENCES = ["grantors", "grantees", "controllers"];
const MEMBER_IDS = ["custodian", "member"];
const UNLIMITED = ["maxUses"];
const NONE = ["replaces"];

/** describe lists a body's fields. */
export function describe(type: string, body: Body, member: Lookup): Field[] {
  const d = new Describer(member);
  d.add({ path: "", key: "type", depth: 0, detail: false }, type, "text");
  d.struct(type, body, { path: "", key: "", depth: 0, detail: false });
  return d.fields;
}

function lookTwice(text: string): Warning[] {
  return /^[\x20-\x7e]*$/.test(text) ? [] : ["letters"];
}

class Describer {
  readonly fields: Field[] = [];
  private readonly member: Lookup;

  constructor(member: Lookup) {
    this.member = member;
  }

  add(at: At, value: string, form: Field["form"], warnings: Warning[] = [], name?: string): void {
    const field: Field = { path: at.path, depth: at.depth, key: at.key, value, form, warnings, detail: at.detail };
    if (name !== undefined) {
      field.name = name;
    }
    this.fields.push(field);
  }

  struct(type: string, value: Body, at: At): void {
    for (const m of structOf(type)) {
      const path = at.path === "" ? m.name : `${at.path}.${m.name}`;
      this.value(m.type, value[m.name] ?? "", { path, key: m.name, depth: at.depth, detail: at.detail || DETAILS.includes(m.name) });
    }
  }

  private value(type: string, value: Value, at: At): void {
    if (type === "Provision[]") {
      this.provisions(value as unknown as Provision[], at);
    } else if (type.endsWith("[]")) {
      this.list(type.slice(0, -2), value as Value[], at);
    } else if (!this.meaning(type, value, at)) {
      this.add(at, "", "none");
      this.struct(type, value as Body, { ...at, depth: at.depth + 1 });
    }
  }

  private list(type: string, list: Value[], at: At): void {
    if (list.length === 0) {
      this.add(at, "", "none");
    }
    list.forEach((one, i) => this.value(type, one, { ...at, path: `${at.path}[${i}]` }));
  }

  private meaning(type: string, value: Value, at: At): boolean {
    switch (type) {
      case "bytes32":
        this.add({ ...at, detail: true }, /^0*$/.test(value as string) ? "" : (value as string), "hash");
        return true;
      case "bytes16":
      case "address":
        this.add(at, value as string, "text");
        return true;
      case "int64":
        this.add(at, value as string, value === "0" ? "none" : "instant");
        return true;
      case "uint64":
        this.count(value as string, at);
        return true;
      case "bool":
        this.add(at, value === true ? "yes" : "no", "flag");
        return true;
      case "string":
        this.text(value as string, at);
        return true;
      default:
        return this.part(type, value, at);
    }
  }

  private part(type: string, value: Value, at: At): boolean {
    switch (type) {
      case "Period": {
        const p = value as unknown as Period;
        this.add(at, `${p.start}/${p.end}`, "period");
        return true;
      }
      case "Coding": {
        const c = value as unknown as Coding;
        this.add(at, `${c.system}|${c.code}`, "code");
        return true;
      }
      case "Identifier": {
        const i = value as unknown as Identifier;
        this.add(at, `${i.value} (${i.system})`, "text", lookTwice(i.value));
        return true;
      }
      case "Recipient":
        this.reference((value as unknown as Recipient).reference, at);
        return true;
      case "DataReference": {
        const r = value as unknown as DataReference;
        this.add(at, `${r.reference} (${r.meaning})`, "text", lookTwice(r.reference));
        return true;
      }
      default:
        return false;
    }
  }

  private count(value: string, at: At): void {
    if (value === "0" && UNLIMITED.includes(at.key)) {
      this.add(at, "", "unlimited");
    } else {
      this.add(at, value, value === "0" && NONE.includes(at.key) ? "none" : "count");
    }
  }

  private text(text: string, at: At): void {
    if (text === "") {
      this.add(at, "", "none");
    } else if (MEMBER_IDS.includes(at.key)) {
      this.organisation(text, text, at);
    } else if (REFERENCES.includes(at.key)) {
      this.reference(text, at);
    } else {
      this.add(at, text, at.key === "effect" ? "effect" : "text", lookTwice(text));
    }
  }

  private organisation(id: MemberID, written: string, at: At): void {
    const m = this.member(id);
    if (m === undefined) {
      this.add(at, written, "member", ["unknown", ...lookTwice(written)]);
    } else {
      this.add(at, written, "member", m.suspended ? ["suspended"] : [], m.name);
    }
  }

  private reference(text: string, at: At): void {
    const organisation = /^Organization\/(.*)$/.exec(text)?.[1];
    if (organisation !== undefined) {
      this.organisation(organisation, text, at);
      return;
    }
    const [, id = "", rest = ""] = /^([^:]*):(.*)$/.exec(text) ?? [];
    const m = id === "" ? undefined : this.member(id);
    if (m !== undefined) {
      this.add(at, rest, "member", m.suspended ? ["suspended"] : lookTwice(rest), m.name);
    } else {
      this.add(at, text, "text", [id === "" ? "asserted" : "unknown", ...lookTwice(text)]);
    }
  }

  private provisions(list: Provision[], at: At): void {
    if (list.length === 0) {
      this.add(at, "", "none");
    }
    const depths: number[] = [];
    list.forEach((p, i) => {
      const parent = Number(p.parent);
      const broken = parent >= Math.max(i, 1);
      depths.push(i === 0 || broken ? 0 : (depths[parent] ?? 0) + 1);
      this.provision(p, i, { ...at, path: `${at.path}[${i}]`, depth: at.depth + (depths[i] ?? 0) }, broken);
    });
  }

  private provision(p: Provision, i: number, at: At, broken: boolean): void {
    const open: Warning[] = broken ? ["broken"] : [];
    if (i === 0 && p.effect === "permit") {
      if (p.recipients.length === 0 && p.roles.length === 0) {
        open.push("anyone");
      }
      if (p.purposes.length === 0) {
        open.push("anypurpose");
      }
    }
    this.add({ ...at, key: "rule" }, p.effect, "effect", open);
    for (const m of structOf("Provision")) {
      const value = (p as unknown as Body)[m.name] ?? "";
      const unset = (Array.isArray(value) && value.length === 0) || (m.type === "Period" && (value as unknown as Period).start === "0" && (value as unknown as Period).end === "0");
      if (m.name !== "parent" && m.name !== "effect" && !unset) {
        this.value(m.type, value, { path: `${at.path}.${m.name}`, key: m.name, depth: at.depth + 1, detail: false });
      }
    }
  }
}
