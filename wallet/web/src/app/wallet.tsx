import { useQuery, useQueryClient, type UseQueryResult } from "@tanstack/react-query";
import { createContext, use, useCallback, useEffect, useMemo, useState, type ReactNode } from "react";

import type { SubjectInfo, UsesView, VaultStatus, Volens, VolensEvent, Wallet } from "../api/volens.ts";
import type { Asked, Me } from "../api/wire.ts";
import type { Member, Scope } from "../core/types.ts";

/** Where the wallet of this device stands. */
export interface Standing {
  status: VaultStatus;
  subjects: readonly SubjectInfo[];
}

interface Device {
  volens: Volens;
  standing: Standing;
  /** look reads the standing again, after something that changed it. */
  look: () => Promise<void>;
}

const DeviceContext = createContext<Device | null>(null);

/** WalletProvider follows the wallet of this device: its pages are shown when it is known where it stands. */
export function WalletProvider({ volens, waiting, children }: { volens: Volens; waiting: ReactNode; children: ReactNode }) {
  const [standing, setStanding] = useState<Standing | null>(null);
  const queries = useQueryClient();
  const look = useCallback(async () => {
    // A lock ends the worker, and whatever it was asked just then: ask the next one.
    setStanding(await read(volens).catch(() => read(volens)));
  }, [volens]);
  useEffect(() => {
    void Promise.resolve().then(look);
    return volens.listen((event: VolensEvent) => {
      if (event.type === "notice") {
        void queries.invalidateQueries({ queryKey: [event.handle] });
        return;
      }
      if (event.type === "locked") queries.clear(); // nothing that was opened stays in memory
      if (event.type !== "online") void look();
    });
  }, [volens, look, queries]);
  const unlocked = standing?.status.unlocked ?? false;
  useEffect(() => (unlocked ? watchInput(() => void volens.vault.touch().catch(() => undefined)) : undefined), [unlocked, volens]);
  const device = useMemo(() => (standing === null ? null : { volens, standing, look }), [volens, standing, look]);
  if (device === null) return waiting;
  return <DeviceContext value={device}>{children}</DeviceContext>;
}

async function read({ vault, wallet }: Volens): Promise<Standing> {
  const status = await vault.status();
  return { status, subjects: status.unlocked && status.hasPhrase ? await wallet.subjects() : [] };
}

/** watchInput tells that the person is there, at most once in ten seconds. */
function watchInput(there: () => void): () => void {
  let last = 0;
  const seen = () => {
    const now = Date.now();
    if (now - last < 10_000) return;
    last = now;
    there();
  };
  const kinds = ["pointerdown", "keydown"] as const;
  for (const kind of kinds) window.addEventListener(kind, seen, { passive: true });
  return () => {
    for (const kind of kinds) window.removeEventListener(kind, seen);
  };
}

/** useDevice is the wallet of this device and where it stands. */
export function useDevice(): Device {
  const d = use(DeviceContext);
  if (d === null) throw new Error("no wallet is there");
  return d;
}

export const useVolens = (): Volens => useDevice().volens;

export const SubjectContext = createContext<SubjectInfo | null>(null);

/** useSubject is the record that the pages are about. */
export function useSubject(): SubjectInfo {
  const s = use(SubjectContext);
  if (s === null) throw new Error("no record is chosen");
  return s;
}

/** useMay says what the person may do with the record: everything with her own. */
export function useMay(): (scope: Scope) => boolean {
  const { delegation } = useSubject();
  return (scope) => delegation === undefined || delegation.scope.includes(scope);
}

const useHandle = () => useSubject().handle;

export function useConsents(): UseQueryResult<Awaited<ReturnType<Wallet["consents"]>>> {
  const { wallet } = useVolens();
  const h = useHandle();
  return useQuery({ queryKey: [h, "consents"], queryFn: () => wallet.consents(h), networkMode: "always" });
}

export function useRequests(): UseQueryResult<Asked[]> {
  const { wallet } = useVolens();
  const h = useHandle();
  return useQuery({ queryKey: [h, "requests"], queryFn: () => wallet.requests(h), networkMode: "always" });
}

export function useUses(): UseQueryResult<UsesView> {
  const { uses } = useVolens();
  const h = useHandle();
  return useQuery({ queryKey: [h, "uses"], queryFn: () => uses.sync(h), networkMode: "always", staleTime: 10_000 });
}

export function useMe(): UseQueryResult<Me> {
  const { wallet } = useVolens();
  const h = useHandle();
  return useQuery({ queryKey: [h, "me"], queryFn: () => wallet.me(h), networkMode: "always" });
}

/** useMembers lists who the ledger's authorities admitted, as their signatures say. */
export function useMembers(): UseQueryResult<Member[]> {
  const { wallet } = useVolens();
  return useQuery({ queryKey: ["members"], queryFn: () => wallet.members(), staleTime: 60_000, networkMode: "always" });
}

/** useNames turns member ids into names. An id that no authority named stands in quotation marks. */
export function useNames(): (id: string) => string {
  const { data } = useMembers();
  return useCallback((id) => data?.find((m) => m.id === id)?.name ?? `“${id}”`, [data]);
}

/** useRefresh reads everything of the record again, after a change. */
export function useRefresh(): () => Promise<void> {
  const q = useQueryClient();
  const h = useHandle();
  return useCallback(() => q.invalidateQueries({ queryKey: [h] }), [q, h]);
}
