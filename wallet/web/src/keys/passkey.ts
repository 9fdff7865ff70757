/** Passkeys with the PRF extension of WebAuthn: the device gives a secret that opens the vault. Runs in the page: workers cannot ask. */
import { fail } from "../api/error.ts";

interface PrfResults {
  prf?: { enabled?: boolean; results?: { first?: ArrayBuffer } };
}

function toText(bytes: ArrayBuffer | Uint8Array): string {
  return btoa(Array.from(new Uint8Array(bytes), (b) => String.fromCharCode(b)).join(""));
}

function fromText(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
}

function random(n: number): Uint8Array<ArrayBuffer> {
  return crypto.getRandomValues(new Uint8Array(n));
}

function secretOf(credential: Credential | null): Uint8Array | undefined {
  const results = (credential as PublicKeyCredential | null)?.getClientExtensionResults() as PrfResults | undefined;
  const first = results?.prf?.results?.first;
  return first === undefined ? undefined : new Uint8Array(first);
}

async function ask(id: string, salt: string): Promise<Uint8Array> {
  const extensions = { prf: { eval: { first: fromText(salt) } } } as AuthenticationExtensionsClientInputs;
  const credential = await navigator.credentials
    .get({ publicKey: { challenge: random(32), allowCredentials: [{ type: "public-key", id: fromText(id) }], userVerification: "required", extensions } })
    .catch(() => fail("cancelled", "the device gave no passkey"));
  return secretOf(credential) ?? fail("unsupported", "this passkey cannot open the vault");
}

/** openSecret asks the device for the secret of the vault's passkey. */
export async function openSecret(hint: { id: string; salt: string } | undefined): Promise<Uint8Array> {
  return hint === undefined ? fail("unsupported", "no passkey opens this vault") : ask(hint.id, hint.salt);
}

/** makeSecret makes a passkey on this device and returns its secret. */
export async function makeSecret(): Promise<{ id: string; salt: string; secret: Uint8Array }> {
  if (!("credentials" in navigator) || typeof PublicKeyCredential === "undefined") {
    fail("unsupported", "this browser has no passkeys");
  }
  const salt = toText(random(32));
  const extensions = { prf: { eval: { first: fromText(salt) } } } as AuthenticationExtensionsClientInputs;
  const credential = await navigator.credentials
    .create({
      publicKey: {
        challenge: random(32), rp: { name: "Volens" }, user: { id: random(16), name: "Volens", displayName: "Volens" },
        pubKeyCredParams: [{ type: "public-key", alg: -7 }, { type: "public-key", alg: -257 }],
        authenticatorSelection: { residentKey: "preferred", userVerification: "required" }, extensions,
      },
    })
    .catch(() => fail("cancelled", "the device made no passkey"));
  const enabled = (credential as PublicKeyCredential | null)?.getClientExtensionResults() as PrfResults | undefined;
  if (credential === null || (secretOf(credential) === undefined && enabled?.prf?.enabled !== true)) {
    fail("unsupported", "this device's passkeys cannot open a vault");
  }
  const id = toText((credential as PublicKeyCredential).rawId);
  return { id, salt, secret: secretOf(credential) ?? (await ask(id, salt)) };
}
